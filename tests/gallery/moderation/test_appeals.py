"""Appeals: once for each decision, on the page, by the API, and by whoever is kept out; decided by a moderator."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import Notice, Sanction, User
from accounts.organizations import management
from accounts.staff import sanctions
from accounts.tokens import api_tokens
from core.clock import Now
from gallery.collections import curation
from gallery.items import deletion
from gallery.models import Case, Item
from gallery.moderation import appeals, case_jobs, decisions
from gallery.moderation.decisions import Verdict
from gallery.moderation.effects import bulk_hide
from gallery.moderation.effects.outcomes import NotPossible
from gallery.social import discussion
from tests.gallery.moderation.conftest import complain
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item

WORDS = {"words": "I painted it myself."}
JSON = "application/json"


@pytest.fixture
def hidden(public: Item, case: Case, ada: User) -> Case:
    """The decision that hides Alice's picture."""
    return decisions.decide(case.pk, ada, Verdict("hide", message="copied work"))


def test_the_owner_reads_why_and_appeals_once(public: Item, hidden: Case, as_alice: Client) -> None:
    page = as_alice.get(f"/library/{public.public_id}/").content.decode()
    assert "A moderator hid this picture: copied work. Only you can see it." in page
    assert f'href="/account/decisions/{hidden.pk}/"' in page
    assert "charlie" not in page.lower()
    sent = as_alice.post(f"/account/decisions/{hidden.pk}/", WORDS, follow=True).content.decode()
    assert "Your appeal was sent" in sent and "You appealed; a moderator will look at it." in sent
    appeal = Case.objects.get(kind="appeal")
    assert (appeal.parent, appeal.item, appeal.words) == (hidden, public, "I painted it myself.")
    again = as_alice.post(f"/account/decisions/{hidden.pk}/", WORDS, follow=True).content.decode()
    assert "once is what there is" in again
    assert Case.objects.filter(kind="appeal").count() == 1


def test_an_appeal_that_is_right_shows_the_picture_again(
    public: Item, hidden: Case, alice: User, bea: User, as_alice: Client
) -> None:
    appeal = appeals.create(hidden, alice, "Look at the sketches.")
    decisions.decide(appeal.pk, bea, Verdict("restore"))
    public.refresh_from_db()
    assert public.is_public
    assert Notice.objects.filter(user=alice).latest("id").kind == "moderation.appeal_right"
    page = as_alice.get(f"/account/decisions/{hidden.pk}/").content.decode()
    assert "Your appeal was right" in page
    decisions.undo(bea)
    public.refresh_from_db()
    assert public.hidden_reason == "copied work"


def test_an_appeal_that_is_turned_down_says_why(
    public: Item, hidden: Case, alice: User, bea: User, as_alice: Client
) -> None:
    appeal = appeals.create(hidden, alice, "Look at the sketches.")
    decisions.decide(appeal.pk, bea, Verdict("uphold", message="The sketches are younger."))
    assert "The sketches are younger." in as_alice.get(f"/library/{public.public_id}/").content.decode()
    public.refresh_from_db()
    assert not public.is_public
    assert Notice.objects.filter(user=alice).latest("id").params["reason"] == "The sketches are younger."


def test_an_appeal_closes_by_itself_when_its_owner_deletes_the_picture(
    public: Item, hidden: Case, alice: User, as_alice: Client
) -> None:
    appeals.create(hidden, alice, "Look at the sketches.")
    deletion.delete(public)
    case_jobs.close_orphans()
    appeal = Case.objects.get(kind="appeal")
    assert (appeal.decision, appeals.state(appeal)) == ("gone", "closed")
    assert as_alice.get("/api/appeals").json()["results"][0]["state"] == "closed"


def test_an_appeal_against_a_removal_waits_for_its_answer(
    public: Item, case: Case, alice: User, ada: User
) -> None:
    ada.user_permissions.add(Permission.objects.get(codename="remove_item"))
    removed = decisions.decide(case.pk, User.objects.get(pk=ada.pk), Verdict("remove", message="copied work"))
    appeal = appeals.create(removed, alice, "It was my own work.")
    case_jobs.close_orphans()
    assert Case.objects.get(pk=appeal.pk).decided_at is None


def test_appeals_close_by_themselves_when_the_account_is_gone(
    public: Item, hidden: Case, alice: User, ada: User
) -> None:
    warning = sanctions.warn(alice, ada, "copied work")
    mine = [
        appeals.create(hidden, alice, "Look at the sketches."),
        appeals.create_against_sanction(warning, alice, "Look at the sketches."),
    ]
    deletion.delete(public)
    User.objects.filter(pk=alice.pk).update(erased_at=Now())
    case_jobs.close_orphans()
    assert {Case.objects.get(pk=one.pk).decision for one in mine} == {"gone"}


def test_a_report_stays_open_of_what_an_organisation_still_shows_when_its_maker_is_gone(
    public: Item, case: Case, alice: User
) -> None:
    Item.objects.filter(pk=public.pk).update(account=management.create(alice, "Studio Nord"))
    User.objects.filter(pk=alice.pk).update(erased_at=Now())
    case_jobs.close_orphans()
    case.refresh_from_db()
    assert case.decided_at is None


def test_strangers_see_no_decision_and_appeal_against_none(
    hidden: Case, as_charlie: Client, client: Client
) -> None:
    assert as_charlie.get(f"/account/decisions/{hidden.pk}/").status_code == 404
    assert as_charlie.post(f"/account/decisions/{hidden.pk}/", WORDS).status_code == 404
    assert client.post(f"/account/decisions/{hidden.pk}/", WORDS).status_code == 302
    assert as_charlie.post("/api/appeals", {"decision": hidden.pk, **WORDS}, JSON).status_code == 404
    assert not Case.objects.filter(kind="appeal").exists()


@pytest.mark.parametrize("words", one_in(3, ["", "  \n ", "\u200b", "x" * 2001]))
def test_an_appeal_has_words_and_not_too_many(hidden: Case, as_alice: Client, words: str) -> None:
    assert as_alice.post(f"/account/decisions/{hidden.pk}/", {"words": words}).status_code == 422
    assert not Case.objects.filter(kind="appeal").exists()


def test_what_was_shown_again_leaves_nothing_to_appeal_against(
    public: Item, hidden: Case, ada: User, alice: User
) -> None:
    decisions.restore_directly(public, ada)
    with pytest.raises(appeals.NotAppealable):
        appeals.create(hidden, alice, "Why?")


def test_the_api_tells_and_takes_appeals(public: Item, hidden: Case, as_alice: Client) -> None:
    shown = as_alice.get(f"/api/items/{public.public_id}").json()
    assert (shown["hidden_reason"], shown["decision"], shown["appeal"]) == ("copied work", hidden.pk, "none")
    told = as_alice.get("/api/decisions").json()["results"]
    assert [(one["id"], one["item"], one["appeal"]) for one in told] == [
        (hidden.pk, public.public_id, "none")
    ]
    sent = as_alice.post("/api/appeals", {"decision": hidden.pk, **WORDS}, JSON)
    assert (sent.status_code, sent.json()["state"]) == (201, "waiting")
    assert as_alice.post("/api/appeals", {"decision": hidden.pk, **WORDS}, JSON).status_code == 409
    assert as_alice.get(f"/api/items/{public.public_id}").json()["appeal"] == "waiting"
    assert as_alice.get("/api/appeals").json()["results"][0]["words"] == WORDS["words"]
    assert as_alice.post("/api/appeals", WORDS, JSON).status_code == 409


def test_comments_and_collections_have_appeals_too(
    public: Item, bob: User, alice: User, ada: User, charlie: User, client_of: Callable[[User], Client]
) -> None:
    comment = discussion.write(public, bob, "Rude words")
    shelf = curation.create(alice, "Found elsewhere")
    curation.set_visibility(shelf, "public")
    said = decisions.decide(complain(comment, charlie).pk, ada, Verdict("hide", message="hate or harassment"))
    kept = decisions.decide(complain(shelf, charlie).pk, ada, Verdict("hide", message="copied work"))
    assert "Rude words" in client_of(bob).get(f"/account/decisions/{said.pk}/").content.decode()
    page = client_of(alice).get(f"/library/collections/{shelf.public_id}/").content.decode()
    assert f'href="/account/decisions/{kept.pk}/"' in page
    for case, user in ((said, bob), (kept, alice)):
        appeal = appeals.create(case, user, "No.")
        decisions.decide(appeal.pk, ada, Verdict("restore"))
    comment.refresh_from_db()
    shelf.refresh_from_db()
    assert comment.hidden_at is None and shelf.hidden_at is None


def test_a_banned_member_appeals_without_being_let_in(alice: User, ada: User, bea: User) -> None:
    row = sanctions.ban(alice, ada, "spam")
    browser = Client()
    address = f"/account/decisions/sanction/{row.pk}/"
    assert browser.get(address).status_code == 302
    browser.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    assert browser.get("/account/").status_code == 302
    assert "spam" in browser.get(address).content.decode()
    browser.post(address, WORDS)
    appeal = Case.objects.get(kind="appeal")
    assert appeal.sanction == row
    decisions.decide(appeal.pk, bea, Verdict("restore", message="It was no spam."))
    alice.refresh_from_db()
    assert alice.is_active
    assert Sanction.objects.get().lifted_by == bea


def test_hiding_all_pictures_is_appealed_as_one(alice: User, ada: User, bea: User) -> None:
    items = [picture_item(alice, f"picture {n}", visibility="public") for n in range(2)]
    deed = bulk_hide.hide_all(alice, ada, "spam")
    while bulk_hide.run_once():
        pass
    assert appeals.hiding_decision(Item.objects.get(pk=items[0].pk)) == deed.case
    appeal = appeals.create(deed.case, alice, "These are my holiday pictures.")
    decisions.decide(appeal.pk, bea, Verdict("restore"))
    while bulk_hide.run_once():
        pass
    assert Item.objects.public().count() == 2


def test_an_appeal_is_right_too_where_somebody_shows_all_of_it_already(
    alice: User, ada: User, bea: User
) -> None:
    picture_item(alice, "picture", visibility="public")
    deed = bulk_hide.hide_all(alice, ada, "spam")
    appeal = appeals.create(deed.case, alice, "These are my holiday pictures.")
    with pytest.raises(NotPossible):
        decisions.decide(appeal.pk, bea, Verdict("restore"))  # the bulk hide is still running
    while bulk_hide.run_once():
        pass
    bulk_hide.restore_all(deed.case, ada, "a mistake")
    assert decisions.decide(appeal.pk, bea, Verdict("restore")).decision == "restore"


def test_all_decisions_stand_on_one_page(hidden: Case, alice: User, ada: User, as_alice: Client) -> None:
    sanctions.warn(alice, ada, "copied work", case=hidden.pk)
    page = as_alice.get("/account/decisions/").content.decode()
    assert page.count("copied work") >= 2 and f"/account/decisions/{hidden.pk}/" in page


def test_what_is_hidden_anew_with_all_others_is_appealed_anew(
    public: Item, hidden: Case, alice: User, ada: User, bea: User, as_alice: Client
) -> None:
    decisions.decide(appeals.create(hidden, alice, "It is my own work.").pk, bea, Verdict("restore"))
    deed = bulk_hide.hide_all(alice, ada, "spam")
    while bulk_hide.run_once():
        pass
    page = as_alice.get(f"/library/{public.public_id}/").content.decode()
    assert f"/account/decisions/{deed.case_id}/" in page and f"/account/decisions/{hidden.pk}/" not in page


def test_a_token_of_an_organisation_sees_what_was_decided_about_its_things_alone(
    public: Item, hidden: Case, alice: User, ada: User
) -> None:
    warning = sanctions.warn(alice, ada, "copied work")
    appeals.create(hidden, alice, "Look at the sketches.")
    club = management.create(alice, "Studio Nord")
    headers = {"Authorization": f"Bearer {api_tokens.issue(alice, 'shared', account=club)[1]}"}
    for address in ("/api/decisions", "/api/appeals"):
        assert Client().get(address, headers=headers).json()["results"] == []
    for against in ({"decision": hidden.pk}, {"sanction": warning.pk}):
        assert Client().post("/api/appeals", against | WORDS, JSON, headers=headers).status_code == 404
    Item.objects.filter(pk=public.pk).update(account=club)
    Case.objects.update(account=club)
    told = Client().get("/api/decisions", headers=headers).json()["results"]
    assert [(one["id"], one["appeal"]) for one in told] == [(hidden.pk, "waiting")]
    own = {
        "Authorization": f"Bearer {api_tokens.issue(alice, 'own', account=management.personal_account_of(alice))[1]}"
    }
    sent = Client().post("/api/appeals", {"sanction": warning.pk, **WORDS}, JSON, headers=own)
    assert sent.status_code == 201


@pytest.mark.parametrize("reason", ["Calm down.", "Calm down", "请冷静。"])
def test_the_reason_of_a_decision_ends_with_one_full_stop(alice: User, as_alice: Client, reason: str) -> None:
    row = sanctions.mute(alice, None, None, reason)
    page = as_alice.get(f"/account/decisions/sanction/{row.pk}/").content.decode()
    assert f"Reason: {reason.rstrip('.。')}. " in page
