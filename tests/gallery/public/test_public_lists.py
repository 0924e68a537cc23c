"""The public lists: their contents and order, for which readers, and at what cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.http import urlencode

from accounts.models import User
from core.jobs import scheduler
from gallery import moderation
from gallery.items import item_tags, publication
from gallery.library import trash
from gallery.models import Follow, Item, ItemTag, Like, ReaderChoice, Report
from gallery.public import public_lists, views
from gallery.public.reader_preferences import Reader, reader_of
from gallery.social import likes
from predictions.models import Status
from tests import factories
from tests.gallery.library.test_item_lists import tiles_of, walk
from tests.runner.sampling import one_in

NOW = timezone.now().replace(microsecond=0)


def shown(user: User, count: int, *, tags: tuple[str, ...] = (), **fields: object) -> list[Item]:
    """Public items of one prediction, an hour apart, newest first."""
    prediction = factories.make_prediction(user, status=Status.SUCCEEDED)
    made = []
    for index in range(count):
        output = factories.make_output(prediction, file=factories.make_stored_file(b"x"), index=index)
        at = NOW - timedelta(hours=index)
        item = factories.make_item(
            user, output, **{"visibility": "public", "published_at": at, "search_owed": True, **fields}
        )
        if tags:
            item_tags.set_tags(item.pk, tags)
        made.append(item)
    return made


def ids(items: list[Item]) -> list[str]:
    return [item.public_id for item in items]


@pytest.fixture
def three_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "PAGE", 3)


@pytest.mark.usefixtures("three_a_page")
def test_a_tags_list_has_every_picture_of_the_tag_once(alice: User, bob: User, client: Client) -> None:
    sea = shown(alice, 7, tags=("sea", "night"))
    shown(bob, 2, tags=("forest",))
    assert walk(client, "/gallery/tag/sea/") == ids(sea)


@pytest.mark.usefixtures("three_a_page")
def test_an_authors_and_a_models_list_have_their_own(alice: User, bob: User, client: Client) -> None:
    hers, his = shown(alice, 5), shown(bob, 2)
    assert walk(client, "/gallery/by/alice/") == ids(hers)
    assert walk(client, f"/gallery/model/{his[0].model.ref}/") == ids(his)


@pytest.mark.usefixtures("three_a_page")
def test_the_week_is_ordered_by_what_was_liked_in_it(alice: User, client: Client) -> None:
    items = shown(alice, 6)
    for item, count in zip(items, (2, 5, 0, 5, 1, 3), strict=True):
        Item.objects.filter(pk=item.pk).update(likes=9, recent_likes=count)
    by_likes = [items[3], items[1], items[5], items[0], items[4]]
    assert walk(client, "/gallery/week/") == ids(by_likes)


def test_a_like_leaves_the_week_after_seven_days(alice: User, bob: User, charlie: User) -> None:
    item = shown(alice, 1)[0]
    likes.toggle(item, bob)
    likes.toggle(item, charlie)
    Like.objects.filter(user=bob).update(created_at=timezone.now() - timedelta(days=7, minutes=1))
    scheduler.run_all()
    item.refresh_from_db()
    assert (item.likes, item.recent_likes) == (2, 1)
    # Taken back later, it is not taken off the week a second time.
    likes.toggle(item, bob)
    item.refresh_from_db()
    assert (item.likes, item.recent_likes) == (1, 1)


@pytest.mark.usefixtures("three_a_page")
def test_following_shows_those_one_follows_and_nobody_else(
    alice: User, bob: User, charlie: User, client_of: Callable[[User], Client]
) -> None:
    hers, his = shown(alice, 5), shown(bob, 4)
    shown(charlie, 3)
    Follow.objects.bulk_create(Follow(follower=charlie, followed=one) for one in (alice, bob))
    expected = sorted(hers + his, key=lambda item: (item.published_at, item.pk), reverse=True)
    assert walk(client_of(charlie), "/gallery/following/") == ids(expected)


@pytest.mark.parametrize("at_once", [4, 1000])
def test_following_is_exact_with_more_authors_than_a_page_has_places(
    alice: User, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(public_lists, "MAX_ROWS", at_once)
    authors = [factories.make_user(f"author{number}") for number in range(7)]
    mine = []
    for number, author in enumerate(authors):
        for item in shown(author, 2):
            at = NOW - timedelta(minutes=(number * 7 + item.pk * 13) % 29)
            Item.objects.filter(pk=item.pk).update(published_at=at)
            mine.append((at, item.pk))
    Follow.objects.bulk_create(Follow(follower=alice, followed=one) for one in authors)
    reader, after, seen = Reader(alice, "show"), "", []
    while True:
        found = public_lists.followed(reader, 5, after)
        seen += [item.pk for item in found.rows]
        after = found.next
        if not after:
            break
    assert seen == [number for _at, number in sorted(mine, reverse=True)]


def test_following_asks_no_more_often_for_more_that_one_follows(alice: User, bob: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            public_lists.followed(Reader(alice, "blur"), 3)
        return len(caught)

    shown(bob, 2)
    Follow.objects.create(follower=alice, followed=bob)
    few = queries()
    for number in range(5):
        author = factories.make_user(f"other{number}")
        shown(author, 3)
        Follow.objects.create(follower=alice, followed=author)
    assert queries() == few == 4


def test_visitors_and_those_who_follow_nobody_are_told_what_to_do(as_alice: Client, client: Client) -> None:
    assert client.get("/gallery/following/").status_code == 302
    page = as_alice.get("/gallery/following/").content.decode()
    assert "follow who made it" in page


# -- What is sensitive, reported, hidden, in the trash ------------------------------------------------------------


def test_a_visitor_gets_a_sensitive_picture_covered(alice: User, client: Client) -> None:
    item = shown(alice, 1, sensitive=True)[0]
    page = client.get("/gallery/").content.decode()
    assert item.public_id in page
    # Nothing loads it without a click, not even its thumbnail.
    assert not re.search(r'(?<!data-)src(?:set)?="[^"]*' + item.public_id, page)
    its = client.get(f"/gallery/{item.public_id}/").content.decode()
    assert not re.search(r'<img[^>]*src="[^"]*picture/full', its)
    assert re.search(
        r'<img[^>]*src="[^"]*picture/full', client.get(f"/gallery/{item.public_id}/?show=1").content.decode()
    )


EVERYWHERE = (
    "/gallery/",
    "/gallery/tag/sea/",
    "/gallery/by/alice/",
    "/gallery/week/",
    "/gallery/following/",
)


@pytest.mark.parametrize(
    ("choice", "stands", "covered"), [("blur", True, True), ("show", True, False), ("hide", False, False)]
)
def test_a_members_choice_holds_in_every_list(
    alice: User, as_charlie: Client, charlie: User, choice: str, stands: bool, covered: bool
) -> None:
    item = shown(alice, 1, tags=("sea",), sensitive=True, recent_likes=1)[0]
    Follow.objects.create(follower=charlie, followed=alice)
    as_charlie.post("/gallery/reading/", {"sensitive": choice, "next": "/gallery/"})
    places = [*EVERYWHERE, "/gallery/model/{}/"]
    for place in (one.format(item.model.ref) for one in one_in(2, places, of=choice)):
        page = as_charlie.get(place).content.decode()
        assert (item.public_id in page) == stands, place
        assert ("data-reveal" in page) == covered, place


def test_the_owner_sees_their_own_sensitive_picture_as_it_is(alice: User, as_alice: Client) -> None:
    shown(alice, 1, sensitive=True)
    assert "data-reveal" not in as_alice.get("/gallery/").content.decode()


def test_a_choice_that_is_none_is_not_kept(as_alice: Client, alice: User) -> None:
    assert as_alice.post("/gallery/reading/", {"sensitive": "everything"}).status_code == 404
    assert not ReaderChoice.objects.filter(user=alice).exists()


def test_what_is_hidden_unlisted_or_in_the_trash_stands_in_no_list(alice: User, client: Client) -> None:
    stays, hidden, unlisted, trashed = shown(alice, 4, tags=("sea",), recent_likes=2)
    moderation.hide(hidden, "no")
    publication.publish(unlisted, visibility="unlisted", tags=["sea"])
    trash.move(alice.account, [trashed])  # type: ignore[arg-type]
    places = ("/gallery/", "/gallery/tag/sea/", "/gallery/by/alice/", "/gallery/week/")
    assert [tiles_of(client.get(place)) for place in places] == [ids([stays])] * 4
    listed = ItemTag.objects.filter(listed_at__isnull=False).values_list("item_id", flat=True)
    assert list(listed) == [stays.pk]
    moderation.restore(hidden)
    trash.restore(alice.account, [trashed.public_id])  # type: ignore[arg-type]
    assert all(len(tiles_of(client.get(place))) == 3 for place in places)
    assert sorted(
        ItemTag.objects.filter(listed_at__isnull=False).values_list("item_id", flat=True)
    ) == sorted([stays.pk, hidden.pk, trashed.pk])


def test_what_a_member_reported_stands_in_their_lists_no_more(
    alice: User, as_charlie: Client, charlie: User, client: Client
) -> None:
    kept, gone = shown(alice, 2, tags=("sea",), recent_likes=1)
    Follow.objects.create(follower=charlie, followed=alice)
    Report.objects.create(item=gone, reporter=charlie, reason="other")
    for place in (
        "/gallery/",
        "/gallery/tag/sea/",
        "/gallery/by/alice/",
        "/gallery/week/",
        "/gallery/following/",
    ):
        assert tiles_of(as_charlie.get(place)) == ids([kept]), place
    assert len(tiles_of(client.get("/gallery/"))) == 2


# -- Search and addresses -------------------------------------------------------------------------------------------


def test_the_search_finds_words_and_chinese(alice: User, client: Client) -> None:
    boat, sea = shown(alice, 1, title="A quiet boat")[0], shown(alice, 1, prompt="海上日出，水彩")[0]
    scheduler.run_all()
    assert tiles_of(client.get("/gallery/?q=quiet")) == ids([boat])
    assert tiles_of(client.get("/gallery/", {"q": "日出"})) == ids([sea])
    nothing = client.get("/gallery/", {"q": "<script>alert(1)</script>"})
    assert "No picture matches" in nothing.content.decode()
    assert "<script>alert" not in nothing.content.decode()
    assert nothing["X-Robots-Tag"] == "noindex, follow"


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("SEA", "/gallery/tag/sea/"),
        ("ＳＥＡ", "/gallery/tag/sea/"),
        (" sea ", "/gallery/tag/sea/"),
        ("#sea", "/gallery/tag/sea/"),
    ],
)
def test_another_spelling_of_a_tag_is_led_to_the_one_there_is(
    alice: User, client: Client, asked: str, led: str
) -> None:
    shown(alice, 1, tags=("sea",))
    answer = client.get("/gallery/tag/" + urlencode({"": asked})[1:].replace("+", "%20") + "/")
    assert (answer.status_code, answer.headers.get("Location")) == (302, led)


def test_odd_addresses_of_tags_authors_and_models_do_not_exist(alice: User, client: Client) -> None:
    shown(alice, 1, tags=("sea",))
    odd = (
        "nothing",
        "%00",
        "%E2%80%AE",
        "..%2f..%2fetc",
        "%F0%9F%92%A9",
        "x" * 5000,
        "%3Cscript%3E",
        "'; x--",
        "%25",
    )
    for place in ("tag/{}/", "by/{}/", "model/{0}/{0}/", "tag/{}/feed.xml", "by/{}/feed.xml"):
        for name in one_in(3, odd, of=place):
            assert client.get("/gallery/" + place.format(name)).status_code == 404, place.format(name)


def test_tags_from_every_plane_have_a_page(alice: User, client: Client) -> None:
    tags = ("水彩", "c++", "𝒜𝓃𝓃𝒶", "𠜎", "ночь", "بحر", "🌊", "r&b")
    item = shown(alice, 1)[0]
    item_tags.set_tags(item.pk, item_tags.parse(list(tags)))
    page = client.get(f"/gallery/{item.public_id}/").content.decode()
    places = re.findall(r'href="(/gallery/tag/[^"]+)"', page)
    assert len(places) == len(tags)
    for place in one_in(3, places):
        assert tiles_of(client.get(unescape(place))) == ids([item])


def test_who_published_nothing_has_no_page(
    bob: User, client: Client, client_of: Callable[[User], Client]
) -> None:
    assert client.get("/gallery/by/bob/").status_code == 404
    assert client.get("/gallery/by/nobody/").status_code == 404
    assert "published nothing yet" in client_of(bob).get("/gallery/by/bob/").content.decode()


def test_a_broken_cursor_starts_every_list_anew(alice: User, as_charlie: Client, charlie: User) -> None:
    item = shown(alice, 1, tags=("sea",), recent_likes=1)[0]
    Follow.objects.create(follower=charlie, followed=alice)
    for place in EVERYWHERE:
        cursors = ("9" * 39, "1.x", "x", "-1.2", "1.1.1", "\x00")
        for cursor in one_in(4, cursors, str, of=place):
            assert tiles_of(as_charlie.get(place, {"after": cursor})) == ids([item]), (place, cursor)


def test_a_longer_list_costs_no_more_queries(alice: User, as_charlie: Client, charlie: User) -> None:
    def queries(place: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            as_charlie.get(place)
        return len(caught)

    Follow.objects.create(follower=charlie, followed=alice)
    shown(alice, 2, tags=("sea",), recent_likes=1)
    as_charlie.get("/gallery/")
    few = [queries(place) for place in EVERYWHERE]
    shown(alice, 9, tags=("sea",), recent_likes=1)
    assert [queries(place) for place in EVERYWHERE] == few
    assert max(few) <= 12


def test_a_visitor_costs_no_query_for_who_they_are(alice: User) -> None:
    request = Client().get("/gallery/").wsgi_request
    with CaptureQueriesContext(connection) as caught:
        assert reader_of(request).sensitive == "blur"
    assert len(caught) == 0


@pytest.mark.parametrize("named", [1, 200])
def test_however_much_a_member_reported_none_of_it_stands_in_their_lists(
    alice: User, charlie: User, as_charlie: Client, monkeypatch: pytest.MonkeyPatch, named: int
) -> None:
    monkeypatch.setattr("gallery.public.reader_preferences._KEPT", named)
    items = shown(alice, 3)
    for item in items[:2]:
        Report.objects.create(item=item, reporter=charlie, reason="other")
    page = as_charlie.get("/gallery/").content.decode()
    assert [item.public_id in page for item in items] == [False, False, True]
