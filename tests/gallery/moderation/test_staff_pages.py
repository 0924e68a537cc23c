"""Moderation pages and forms without scripts: permissions, contents, and what each button does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEntry, Notice, Sanction, User
from core.clock import Now
from gallery.models import AccountDeed, Case, Item
from gallery.moderation import decisions
from gallery.moderation.decisions import Verdict
from gallery.moderation.effects import bulk_hide
from gallery.moderation.staff_pages import case_lists
from tests import factories
from tests.gallery.moderation.conftest import complain, make_moderator
from tests.runner.sampling import one_in
from tests.support.picture_items import picture_item

DESK = "/admin/moderation/"


def decide(client: Client, case: Case, deed: str, **more: str) -> str:
    """The page that a decision leads to."""
    answer = client.post(f"{DESK}{case.pk}/decide/", {"deed": deed, **more}, follow=True)
    return answer.content.decode()


def send(client: Client, case: Case, deed: str, **more: str) -> None:
    """The same for those who look at no page afterwards."""
    assert client.post(f"{DESK}{case.pk}/decide/", {"deed": deed, **more}).status_code < 500


def test_the_moderation_page_shows_the_case_with_all_that_a_moderator_needs(
    public: Item, case: Case, alice: User, as_ada: Client
) -> None:
    User.objects.filter(username__in=["alice", "bob"]).update(sign_up_key="k" * 64)
    factories.make_user("alias", sign_up_key="k" * 64)
    factories.make_prediction(alice, ceiling=15_200_000)
    factories.make_token(alice)
    page = as_ada.get(DESK).content.decode()
    assert f"Case {case.pk}" in page and "Copied work · 1 report" in page
    assert "This is my picture from March." in page
    assert "1 more sign-up from the same network" in page
    assert "1 prediction now in the queue" in page
    assert "ends 1 token, cancels 1 prediction and returns 15.2 credits" in " ".join(page.split())
    assert f"{DESK}{case.pk}/picture/medium/" in page


def test_only_moderators_enter(case: Case, client: Client, as_alice: Client, as_ada: Client) -> None:
    for path in ("", "{n}/", "{n}/panel/", "{n}/picture/medium/", "news/", "?tab=closed"):
        address = DESK + path.format(n=case.pk)
        assert as_ada.get(address).status_code == 200, path
        assert client.get(address).status_code == 302, path
        assert as_alice.get(address, follow=True).status_code == 403, path


def test_who_may_look_may_not_decide(case: Case, client_of: Callable[[User], Client]) -> None:
    from django.contrib.auth.models import Permission

    reader = factories.make_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_case"))
    browser = client_of(reader)
    assert 'value="hide"' not in browser.get(DESK).content.decode()
    for path in (f"{case.pk}/decide/", "bulk/", "undo/"):
        assert browser.post(DESK + path, {"deed": "hide", "case": case.pk}).status_code == 403
    assert browser.get(f"{DESK}members/alice/").status_code == 403
    case.refresh_from_db()
    assert case.decided_at is None


def test_the_picture_of_a_hidden_item_is_seen_by_moderators_only(
    public: Item, case: Case, ada: User, as_ada: Client, as_charlie: Client
) -> None:
    decisions.decide(case.pk, ada, Verdict("hide"))
    address = f"{DESK}{case.pk}/picture/full/"
    answer = as_ada.get(address)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("image/")
    assert "no-cache" in answer["Cache-Control"]
    assert as_charlie.get(address).status_code in (302, 403)
    assert as_ada.get(f"{DESK}{case.pk}/picture/huge/").status_code == 404
    assert as_ada.get(f"{DESK}9999/picture/full/").status_code == 404


def test_hiding_with_a_reason_goes_on_to_the_next_case(
    alice: User, charlie: User, case: Case, as_ada: Client
) -> None:
    other = complain(picture_item(alice, "another", visibility="public"), charlie)
    page = decide(as_ada, other, "hide", reason="spam", note="Seen before.")
    assert f'data-case="{case.pk}" aria-labelledby' in page
    other.refresh_from_db()
    assert (other.decision, other.told, other.note) == ("hide", "spam", "Seen before.")
    assert "1 hidden just now" in page


def test_own_words_count_before_a_reason_to_pick(case: Case, as_ada: Client) -> None:
    send(as_ada, case, "hide", reason="spam", own_words="Taken from my wall.")
    assert Case.objects.get(pk=case.pk).told == "Taken from my wall."


def test_the_second_moderator_is_told_who_was_first(
    case: Case, as_ada: Client, as_bea: Client, ada: User
) -> None:
    send(as_ada, case, "hide")
    page = decide(as_bea, case, "allow")
    assert "Already decided by Ada: hidden." in page
    assert Case.objects.get(pk=case.pk).decision == "hide"


def test_a_ban_asks_once_and_lists_what_it_ends(case: Case, alice: User, as_ada: Client) -> None:
    factories.make_token(alice)
    asked = decide(as_ada, case, "ban", reason="spam")
    assert "Ban alice?" in asked and "ends 1 token" in " ".join(asked.split())
    alice.refresh_from_db()
    assert alice.is_active
    send(as_ada, case, "ban", reason="spam", sure="1")
    alice.refresh_from_db()
    assert not alice.is_active


@pytest.mark.parametrize("part", [False, True])
def test_a_case_about_what_is_hidden_already_can_still_be_turned_into_a_ban(
    public: Item, case: Case, alice: User, as_ada: Client, as_bea: Client, part: bool
) -> None:
    headers = {"HX-Request": "true"} if part else {}
    send(as_ada, case, "hide", reason="copied")
    assert "Ban for this as well" in as_bea.get(f"{DESK}?case={case.pk}").content.decode()
    answer = as_bea.post(f"{DESK}{case.pk}/decide/", {"deed": "ban"}, headers=headers)
    assert "Ban alice?" in answer.content.decode()
    sent = {"deed": "ban", "sure": "1", "note": "The third time."}
    answer = as_bea.post(f"{DESK}{case.pk}/decide/", sent, headers=headers, follow=True)
    assert "alice is banned. The earlier decision still stands." in answer.content.decode()
    ban = Sanction.objects.get(user=alice)
    assert (ban.kind, ban.case, ban.made_by.username, ban.note) == ("ban", case.pk, "bea", "The third time.")
    case.refresh_from_db()
    assert (case.decision, case.decided_by.username) == ("hide", "ada")
    again = as_bea.post(f"{DESK}{case.pk}/decide/", sent, headers=headers, follow=True)
    assert "alice is banned already; nothing was changed." in again.content.decode()
    assert "Ban for this as well" not in as_bea.get(f"{DESK}?case={case.pk}").content.decode()


def test_a_ban_later_needs_the_same_rights_and_a_decision_against_them(
    case: Case, alice: User, as_ada: Client
) -> None:
    send(as_ada, case, "allow")
    assert "Already decided by" in decide(as_ada, case, "ban", sure="1")
    assert "Already decided by" in decide(as_ada, case, "ban")
    Case.objects.filter(pk=case.pk).update(decision="hide")
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    assert "Not yours to decide" in decide(as_ada, case, "ban", sure="1")
    assert not Sanction.objects.exists()


def test_what_is_decided_is_not_asked_about_again(case: Case, as_ada: Client, as_bea: Client) -> None:
    send(as_ada, case, "hide")
    assert "Already decided by Ada" in decide(as_bea, case, "remove")


def test_a_mute_has_its_days(case: Case, alice: User, as_ada: Client) -> None:
    send(as_ada, case, "mute", days="30")
    week = User.objects.filter(pk=alice.pk, muted_until__gt=Now() + timedelta(days=29))
    assert week.exists()


def test_several_are_decided_with_one_button_and_taken_back_with_one(
    alice: User, charlie: User, as_ada: Client
) -> None:
    cases = [
        complain(picture_item(alice, f"picture {n}", visibility="public"), charlie, reason)
        for n, reason in enumerate(("copied", "violence", "hate"))
    ]
    numbers = [str(one.pk) for one in cases]
    page = as_ada.post(f"{DESK}bulk/", {"deed": "hide", "case": numbers}, follow=True).content.decode()
    assert "3 cases decided." in page and "3 hidden just now" in page
    # Each owner reads the reason of its own case.
    assert list(Case.objects.order_by("id").values_list("told", flat=True)) == [
        "copied work",
        "violent or gory",
        "hate or harassment",
    ]
    page = as_ada.post(f"{DESK}undo/", {}, follow=True).content.decode()
    assert "3 decisions taken back." in page
    assert Item.objects.public().count() == 3


def test_the_way_back_is_offered_after_what_has_one_and_not_after_a_removal(
    alice: User, charlie: User, client_of: Callable[[User], Client]
) -> None:
    client = client_of(make_moderator("senior", "remove_item"))
    hidden, removed = (
        complain(picture_item(alice, name, visibility="public"), charlie) for name in ("one", "another")
    )
    button = 'data-deed="undo"'
    send(client, hidden, "hide")
    assert button in client.get(DESK).content.decode()
    send(client, removed, "remove", sure="on", told="violent or gory")
    page = client.get(DESK).content.decode()
    assert "1 removed just now" in page and button not in page


def test_bulk_passes_over_what_is_no_case_or_decided(
    case: Case, ada: User, as_ada: Client, as_bea: Client
) -> None:
    decisions.decide(case.pk, ada, Verdict("allow"))
    sent = {"deed": "hide", "case": [str(case.pk), "77777", "x", "-1", "9" * 40]}
    page = as_bea.post(f"{DESK}bulk/", sent, follow=True).content.decode()
    assert "2 stay as they were" in page
    assert Case.objects.get(pk=case.pk).decision == "allow"
    assert "Select cases first" in as_ada.post(f"{DESK}bulk/", {"deed": "hide"}, follow=True).content.decode()


@pytest.mark.parametrize("deed", one_in(3, ["", "nothing", "restore", "hide\x00"]))
def test_a_deed_that_is_none_decides_nothing(case: Case, as_ada: Client, deed: str) -> None:
    send(as_ada, case, deed)
    assert Case.objects.get(pk=case.pk).decided_at is None


def test_tabs_hold_their_kinds_and_a_reason_narrows_them(
    public: Item, case: Case, bob: User, charlie: User, as_ada: Client
) -> None:
    violent = complain(picture_item(bob, "red", visibility="public"), charlie, "violence")
    page = as_ada.get(DESK, {"reason": "violence"}).content.decode()
    assert f'id="case-{violent.pk}"' in page and f'id="case-{case.pk}"' not in page
    assert "No appeal waits." in as_ada.get(DESK, {"tab": "appeals"}).content.decode()
    assert as_ada.get(DESK, {"tab": "nonsense", "after": "\x00", "case": "9" * 30}).status_code == 200


def test_what_needs_sparing_is_blurred_until_the_switch_is_off(
    public: Item, bob: User, charlie: User, as_ada: Client
) -> None:
    complain(public, charlie, "sexual")
    page = as_ada.get(DESK).content.decode()
    assert 'class="mod blur"' in page and 'class="case-open covered"' in page
    as_ada.post(f"{DESK}blur/", {"query": ""})
    assert 'class="mod blur"' not in as_ada.get(DESK).content.decode()
    as_ada.post(f"{DESK}blur/", {"blur": "on"})
    assert 'class="mod blur"' in as_ada.get(DESK).content.decode()


def test_news_says_how_many_came_and_moves_nothing(
    case: Case, bob: User, charlie: User, as_ada: Client
) -> None:
    assert ">1 new<" not in as_ada.get(f"{DESK}news/?since={case.pk}").content.decode()
    complain(picture_item(bob, "red", visibility="public"), charlie)
    told = as_ada.get(f"{DESK}news/?since={case.pk}").content.decode()
    assert "1 new" in told and "case-open" not in told


def test_a_long_list_costs_what_a_short_one_costs(alice: User, charlie: User, as_ada: Client) -> None:
    items = [picture_item(alice, f"picture {n}", visibility="public") for n in range(5)]
    complain(items[0], charlie)
    as_ada.get(DESK)
    with CaptureQueriesContext(connection) as few:
        as_ada.get(DESK)
    for item in items[1:]:
        complain(item, charlie)
    with CaptureQueriesContext(connection) as many:
        as_ada.get(DESK)
    # One line more of the member's history: the other cases that are open.
    assert len(many) <= len(few) + 1


def test_pages_of_the_list_follow_each_other_without_gap_or_double(alice: User, charlie: User) -> None:
    found = [complain(picture_item(alice, f"picture {n}", visibility="public"), charlie).pk for n in range(5)]
    seen, after = [], ""
    for _page in range(3):
        page = case_lists.page(case_lists.Filter(after=after), size=2)
        seen += [case.pk for case in page.rows]
        after = page.next
    assert seen == found[::-1] and after == ""


def test_the_case_page_shows_the_whole_trail(case: Case, ada: User, as_bea: Client) -> None:
    decisions.decide(case.pk, ada, Verdict("hide", message="copied work", note="Same backdrop."))
    decisions.undo(ada)
    page = as_bea.get(f"{DESK}{case.pk}/").content.decode()
    assert "item.hide" in page and "item.undo_hide" in page and "Same backdrop." in page
    assert as_bea.get(f"{DESK}424242/").status_code == 404


def test_all_pictures_of_a_member_from_the_moderation_page(alice: User, public: Item, as_ada: Client) -> None:
    address = f"{DESK}members/alice/"
    as_ada.post(address, {"deed": "hide", "reason": "spam"})
    assert "going on" in as_ada.get(address).content.decode()
    while bulk_hide.run_once():
        pass
    assert Item.objects.public().count() == 0
    deed = AccountDeed.objects.get()
    as_ada.post(address, {"deed": "show", "of": str(deed.pk)})
    while bulk_hide.run_once():
        pass
    assert Item.objects.public().count() == 1
    kinds = Notice.objects.filter(user=alice).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["moderation.hidden", "moderation.restored"]
    assert AuditEntry.objects.get(action="user.show_pictures").reason == "", "not what they were hidden for"
    assert "nothing to do" in as_ada.post(address, {"deed": "show", "of": "x"}, follow=True).content.decode()


def test_the_moderation_page_speaks_chinese(case: Case, as_ada: Client) -> None:
    as_ada.cookies["django_language"] = "zh-hans"
    page = as_ada.get(DESK)
    assert page.status_code == 200 and 'lang="zh-hans"' in page.content.decode()


def test_a_moderator_who_is_nothing_more_lands_on_the_moderation_page(
    as_ada: Client, staff: User, client_of: Callable[[User], Client]
) -> None:
    answer = as_ada.get("/admin/")
    assert answer.status_code == 302 and answer["Location"] == reverse("moderation")
    assert client_of(staff).get("/admin/").status_code == 200


def test_a_moderator_does_not_read_who_complained_of_them(
    ada: User, bea: User, charlie: User, as_ada: Client, as_bea: Client, client_of: Callable[[User], Client]
) -> None:
    case = complain(picture_item(ada, "mine", visibility="public"), charlie, words="Hers is my cat.")
    address = f"/admin/moderation/{case.pk}/"
    assert "Hers is my cat." in as_bea.get(address).content.decode()
    told = as_ada.get(address).content.decode()
    assert "Hers is my cat." not in told and "charlie" not in told.lower()
    for user, many in ((ada, 0), (bea, 1)):
        user.user_permissions.add(Permission.objects.get(codename="view_report"))
        page = client_of(user).get(reverse("admin:gallery_report_changelist")).content.decode()
        assert page.count("charlie") >= many and (many or "charlie" not in page)
    row = reverse("admin:gallery_case_change", args=[case.pk])
    assert "Hers is my cat." in as_bea.get(row).content.decode()
    assert "Hers is my cat." not in as_ada.get(row).content.decode()


def test_what_no_column_holds_is_left_out_of_what_a_moderator_sends(
    public: Item, case: Case, ada: User, as_ada: Client
) -> None:
    decisions.decide(case.pk, ada, Verdict("allow"))
    assert as_ada.post(f"{DESK}undo/", {"batch": "\x00"}).status_code == 302
    form = {"deed": "hide", "reason": "spam", "own_words": "a\x00b", "note": "c\x00d"}
    assert as_ada.post(f"{DESK}members/alice/", form).status_code == 302
    hidden = Case.objects.get(marks__all=True)
    assert (hidden.told, hidden.note) == ("ab", "cd")
