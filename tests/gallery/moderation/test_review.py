"""Review before publication: first pictures wait, on every path, and are published as requested."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Account, Notice, Plan, User
from accounts.notifications import notice_text
from accounts.site import site_rules
from gallery.collections import curation, querysets
from gallery.items import publication
from gallery.library import trash
from gallery.models import Case, Collection, Item
from gallery.moderation import appeals, decisions, review
from gallery.moderation.decisions import Verdict
from gallery.moderation.effects.outcomes import NotPossible
from gallery.shares import share_links
from predictions.models import Output
from tests.gallery.moderation.conftest import complain
from tests.support.picture_items import picture_item

JSON = "application/json"
FORM = {"title": "Red", "visibility": "public", "tags": "sea, fog", "licence": "CC0-1.0"}


@pytest.fixture
def _reviewed(db: None) -> None:
    site_rules.change(reviewed_first=1)


@pytest.fixture
def waiting(_reviewed: None, item: Item) -> Case:
    """Alice's request to publish her first picture."""
    assert not publication.publish(item, title="Red", tags=["sea"], sensitive=True, licence="CC0-1.0")
    return Case.objects.get(kind="review")


@pytest.mark.usefixtures("_reviewed")
def test_every_path_to_the_public_waits_for_a_moderator(item: Item, as_alice: Client, client: Client) -> None:
    said = as_alice.post(f"/library/{item.public_id}/publish/", FORM, follow=True).content.decode()
    assert "A moderator looks at it first." in said and "Take it back" in said
    as_alice.post("/library/bulk/", {"deed": "publish", "id": item.public_id, **FORM})
    data = as_alice.post(f"/api/items/{item.public_id}/publish", {"title": "Red"}, JSON).json()
    assert (data["visibility"], data["review"]) == ("private", "waiting")
    assert client.get(f"/gallery/{item.public_id}/").status_code == 404
    assert Case.objects.filter(kind="review").count() == 1


def test_it_is_published_exactly_as_requested(item: Item, waiting: Case, ada: User, alice: User) -> None:
    decisions.decide(waiting.pk, ada, Verdict("publish"))
    item.refresh_from_db()
    assert (item.title, item.sensitive, item.licence, item.is_public) == ("Red", True, "CC0-1.0", True)
    assert [one.tag.name for one in item.item_tags.all()] == ["sea"]
    assert item.review == "" and Notice.objects.get(user=alice).kind == "moderation.published"
    # The next one needs no look any more.
    assert publication.publish(picture_item(alice, "second"))


def test_a_request_that_was_changed_meanwhile_counts_as_it_is_now(
    item: Item, waiting: Case, ada: User
) -> None:
    publication.publish(item, title="Blue")
    decisions.decide(waiting.pk, ada, Verdict("publish"))
    item.refresh_from_db()
    assert (item.title, item.sensitive) == ("Blue", False)


def test_the_owner_withdraws_the_request(item: Item, waiting: Case, ada: User, as_alice: Client) -> None:
    as_alice.post(f"/library/{item.public_id}/review/withdraw/")
    waiting.refresh_from_db()
    item.refresh_from_db()
    assert (waiting.decision, item.review, item.visibility) == ("gone", "", "private")
    with pytest.raises(decisions.AlreadyDecided):
        decisions.decide(waiting.pk, ada, Verdict("publish"))
    item.refresh_from_db()
    assert item.visibility == "private"


def test_what_lies_in_the_trash_is_not_published(item: Item, waiting: Case, ada: User, alice: User) -> None:
    assert alice.account is not None
    trash.move(alice.account, [item])
    with pytest.raises(NotPossible):
        decisions.decide(waiting.pk, ada, Verdict("publish"))
    item.refresh_from_db()
    assert item.visibility == "private"


def test_a_refusal_says_why_stands_and_is_appealed(
    item: Item, waiting: Case, ada: User, bea: User, alice: User, as_alice: Client
) -> None:
    decisions.decide(waiting.pk, ada, Verdict("refuse", message="copied work"))
    page = as_alice.get(f"/library/{item.public_id}/").content.decode()
    assert "A moderator did not publish this picture: copied work." in page
    item.refresh_from_db()
    for visibility in ("public", "unlisted"):
        with pytest.raises(publication.Refused):
            publication.publish(item, visibility=visibility)
    assert as_alice.post(f"/api/items/{item.public_id}/publish", {}, JSON).status_code == 409
    waiting.refresh_from_db()
    appeal = appeals.create(waiting, alice, "Mine.")
    decisions.decide(appeal.pk, bea, Verdict("restore"))
    item.refresh_from_db()
    assert item.is_public and item.title == "Red"


def test_publishing_is_taken_back_and_waits_again(item: Item, waiting: Case, ada: User) -> None:
    decisions.decide(waiting.pk, ada, Verdict("publish"))
    decisions.undo(ada)
    item.refresh_from_db()
    waiting.refresh_from_db()
    assert (item.visibility, item.review, waiting.decided_at) == ("private", "waiting", None)


def test_unlisted_pictures_are_for_those_who_have_the_address_and_wait_for_nobody(
    _reviewed: None, item: Item
) -> None:
    assert publication.publish(item, visibility="unlisted")
    item.refresh_from_db()
    assert not publication.publish(item)
    item.refresh_from_db()
    assert (item.visibility, item.review) == ("unlisted", "waiting")


def test_what_was_refused_is_in_no_public_collection_either(
    _reviewed: None, item: Item, alice: User, ada: User
) -> None:
    publication.publish(item, visibility="unlisted")
    shelf = curation.create(alice, "Around it")
    curation.add(shelf, [item], alice)
    curation.set_visibility(shelf, "unlisted")
    readers = querysets.for_readers(shelf.entries.all())
    assert readers.count() == 1
    publication.publish(item)
    assert readers.count() == 1
    decisions.decide(Case.objects.get(kind="review").pk, ada, Verdict("refuse", message="copied work"))
    assert readers.count() == 0


@pytest.fixture
def shelf(alice: User, item: Item) -> Collection:
    """Alice's public collection, with a picture in it that is unlisted."""
    publication.publish(item, visibility="unlisted")
    made = curation.create(alice, "Around it")
    curation.add(made, [item], alice)
    curation.set_visibility(made, "public")
    return made


def ways(shelf: Collection) -> list[str]:
    """Every place where a stranger sees the items of a public collection."""
    page = f"/collections/{shelf.public_id}/"
    asked = urlencode({"url": f"http://testserver{page}"})
    return [
        "/collections/",
        page,
        f"/oembed?{asked}",
        f"/api/gallery/collections/{shelf.public_id}",
        "/sitemap.xml",
    ]


def seen(client: Client, shelf: Collection, item: Item) -> list[str]:
    """On which of them the picture is, or its collection for its sake alone."""
    found = []
    for way in ways(shelf):
        answer = client.get(way)
        said = answer.content.decode() if answer.status_code == 200 else ""
        if item.public_id in said or ("Around it" in said and way == "/collections/"):
            found.append(way)
    return found


def test_what_a_new_member_lists_nowhere_is_in_no_public_collection_before_it_was_looked_at(
    _reviewed: None, shelf: Collection, item: Item, ada: User, as_alice: Client, client: Client
) -> None:
    own = f"/library/collections/{shelf.public_id}/"
    assert seen(client, shelf, item) == []
    assert "publish them, and a moderator looks" in as_alice.get(own).content.decode()
    # Anyone with its URL, or that of an unlisted collection, sees it as before.
    assert client.get(f"/gallery/{item.public_id}/").status_code == 200
    curation.set_visibility(shelf, "unlisted")
    assert item.public_id in client.get(f"/collections/{shelf.public_id}/").content.decode()
    curation.set_visibility(shelf, "public")
    # Requesting publication changes nothing yet; the approval does.
    assert not publication.publish(item) and seen(client, shelf, item) == []
    decisions.decide(Case.objects.get(kind="review").pk, ada, Verdict("publish"))
    assert {"/collections/", f"/collections/{shelf.public_id}/"} <= set(seen(client, shelf, item))
    # Once reviewed it stays reviewed, also when it is unlisted again.
    publication.publish(Item.objects.get(pk=item.pk), visibility="unlisted")
    assert f"/collections/{shelf.public_id}/" in seen(client, shelf, item)
    assert "publish them, and a moderator looks" not in as_alice.get(own).content.decode()


def test_what_a_known_member_lists_nowhere_stands_in_their_public_collection(
    shelf: Collection, item: Item, alice: User, client: Client
) -> None:
    page = f"/collections/{shelf.public_id}/"
    assert page in seen(client, shelf, item)
    site_rules.change(reviewed_first=1)
    assert seen(client, shelf, item) == []
    publication.publish(picture_item(alice, "shown"), reviewed=True)
    assert page in seen(client, shelf, item)
    # The plan's own rule is the account's.
    Account.objects.filter(pk=alice.account_id).update(
        plan=Plan.objects.create(name="watched", reviewed_first=5)
    )
    assert seen(client, shelf, item) == []
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    assert page in seen(client, shelf, item)


def test_what_nobody_could_judge_is_in_no_public_collection(
    shelf: Collection, item: Item, alice: User, client: Client
) -> None:
    Output.objects.filter(pk=item.output_id).update(marks={review.UNRATED: True})
    assert seen(client, shelf, item) == []


def test_the_lists_of_the_database_and_the_rule_agree(alice: User, staff: User) -> None:
    items = [picture_item(user, f"{user.username} {n}") for user in (alice, staff) for n in range(2)]
    for item in items:
        publication.publish(item, visibility="unlisted")
    Output.objects.filter(pk=items[1].output_id).update(marks={review.UNRATED: True})
    for many in (0, 1, 2):
        site_rules.change(reviewed_first=many)
        listed = set(Item.objects.filter(review.needs_no_review(""), visibility="unlisted"))
        rows = Item.objects.select_related("output", "user").filter(visibility="unlisted")
        assert listed == {item for item in rows if not review.is_needed(item)}
        publication.publish(picture_item(alice, f"shown {many}"), reviewed=True)


def test_what_was_refused_is_seen_by_its_owner_alone_and_by_no_link(
    _reviewed: None,
    shelf: Collection,
    item: Item,
    alice: User,
    ada: User,
    bea: User,
    as_alice: Client,
    client: Client,
) -> None:
    links = [share_links.share(item, alice), share_links.share(shelf, alice)]
    own = f"/f/{item.output.token}/{item.output.name}"
    strangers = [f"/gallery/{item.public_id}/", f"/s/{links[0].token}/", own]
    assert [client.get(one).status_code for one in strangers] == [200] * 3
    publication.publish(item)
    case = Case.objects.get(kind="review")
    decisions.decide(case.pk, ada, Verdict("refuse", message="copied work"))
    assert [client.get(one).status_code for one in strangers] == [404] * 3
    assert item.public_id not in client.get(f"/s/{links[1].token}/").content.decode()
    notice = Notice.objects.get(user=alice)
    assert (
        notice.kind == "moderation.refused"
        and "Only you can see it now" in notice_text.for_notice(notice).more
    )
    page = as_alice.get(f"/library/{item.public_id}/").content.decode()
    assert "did not publish this picture: copied work. Only you can see it." in page
    # Taken back, it is as it was; granted an appeal, it is public.
    decisions.undo(ada)
    assert [client.get(one).status_code for one in strangers] == [200] * 3
    decisions.decide(case.pk, ada, Verdict("refuse", message="copied work"))
    appeal = appeals.create(Case.objects.get(pk=case.pk), alice, "Mine.")
    decisions.decide(appeal.pk, bea, Verdict("restore"))
    assert Item.objects.get(pk=item.pk).is_public
    assert [client.get(one).status_code for one in strangers] == [200] * 3


def test_what_was_hidden_and_refused_is_shown_when_both_are_taken_back(
    _reviewed: None, item: Item, alice: User, ada: User, bea: User, charlie: User
) -> None:
    publication.publish(item, visibility="unlisted")
    publication.publish(item)
    reported, wished = complain(item, charlie), Case.objects.get(kind="review")
    decisions.decide(reported.pk, ada, Verdict("hide", message="spam"))
    decisions.decide(wished.pk, ada, Verdict("refuse", message="copied work"))
    decisions.decide(
        appeals.create(Case.objects.get(pk=reported.pk), alice, "No.").pk, bea, Verdict("restore")
    )
    now = Item.objects.get(pk=item.pk)
    assert (now.is_open, now.hidden_reason) == (False, "copied work")
    decisions.decide(appeals.create(Case.objects.get(pk=wished.pk), alice, "No.").pk, bea, Verdict("restore"))
    assert Item.objects.get(pk=item.pk).is_public


def test_a_moderator_shows_again_what_another_refused(
    _reviewed: None, item: Item, waiting: Case, ada: User, bea: User
) -> None:
    decisions.decide(waiting.pk, ada, Verdict("refuse"))
    assert decisions.restore_directly(Item.objects.get(pk=item.pk), bea)
    now = Item.objects.get(pk=item.pk)
    assert (now.review, now.hidden_at, now.visibility) == ("", None, "private")
    assert not decisions.restore_directly(now, bea)


def test_a_plan_has_a_rule_of_its_own(alice: User, item: Item) -> None:
    site_rules.change(reviewed_first=5)
    trusted = Plan.objects.create(name="trusted", reviewed_first=0)
    Account.objects.filter(pk=alice.account_id).update(plan=trusted)
    assert publication.publish(item)


def test_a_picture_that_nobody_could_judge_waits_whoever_made_it(item: Item, ada: User) -> None:
    Output.objects.filter(pk=item.output_id).update(marks={review.UNRATED: True})
    assert not publication.publish(item)
    decisions.decide(Case.objects.get(kind="review").pk, ada, Verdict("publish"))
    item.refresh_from_db()
    assert item.is_public
    publication.unpublish(item)
    # It was reviewed: unpublishing and publishing it again needs no second review.
    item.refresh_from_db()
    assert publication.publish(item)
