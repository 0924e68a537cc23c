"""A muted member can publish and comment nothing, on every path, and sees until when; they can still generate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.staff import sanctions
from gallery.models import Collection, Comment, Item, Like, ShareLink
from gallery.permissions import Muted, check_may_post
from tests import factories

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
UNTIL = timezone.now() + timedelta(days=3)


@pytest.fixture
def muted(alice: User) -> User:
    sanctions.mute(alice, None, UNTIL, "Calm down.")
    return User.objects.get(pk=alice.pk)


def scene(user: User, other: User) -> dict[str, Any]:
    mine, public = factories.make_item(user), factories.make_item(other, visibility="public")
    shelf = Collection.objects.create(account=mine.account, user=user, title="a shelf")
    return {"mine": mine, "public": public, "shelf": shelf}


PAGES: list[tuple[str, str, dict[str, str]]] = [
    ("publish", "/library/{mine}/publish/", {"title": "t", "visibility": "public"}),
    ("comment", "/gallery/{public}/comment/", {"text": "well"}),
    ("share", "/library/{mine}/share/", {}),
    ("open a collection", "/library/collections/{shelf}/edit/", {"title": "t", "visibility": "public"}),
]
CALLS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("publish", "POST", "/api/items/{mine}/publish", {"visibility": "public"}),
    ("unlisted", "POST", "/api/items/{mine}/publish", {"visibility": "unlisted"}),
    ("comment", "POST", "/api/gallery/{public}/comments", {"text": "well"}),
    ("share", "POST", "/api/items/{mine}/shares", {}),
    ("open a collection", "PATCH", "/api/collections/{shelf}", {"visibility": "public"}),
]


def filled(path: str, targets: dict[str, Any]) -> str:
    return path.format(**{name: target.public_id for name, target in targets.items()})


def nothing_came_of_it() -> None:
    assert Item.objects.filter(visibility="private").count() == 1
    assert not Comment.objects.exists() and not ShareLink.objects.exists()
    assert not Collection.objects.exclude(visibility="private").exists()


@pytest.mark.parametrize(("what", "path", "form"), PAGES, ids=[one[0] for one in PAGES])
def test_no_page_lets_them(
    muted: User, bob: User, client_of: ClientOf, what: str, path: str, form: dict[str, str]
) -> None:
    targets, client = scene(muted, bob), client_of(muted)
    answer = client.post(filled(path, targets), form, follow=True)
    assert answer.status_code in (200, 422), answer.status_code
    assert "You are muted until" in answer.content.decode() and "Calm down." in answer.content.decode()
    nothing_came_of_it()


@pytest.mark.parametrize(("what", "method", "path", "body"), CALLS, ids=[one[0] for one in CALLS])
def test_no_call_lets_them(
    muted: User, bob: User, bearer: Any, what: str, method: str, path: str, body: dict[str, Any]
) -> None:
    targets = scene(muted, bob)
    answer = Client().generic(
        method, filled(path, targets), __import__("json").dumps(body), content_type="application/json",
        headers=bearer(muted),
    )  # fmt: skip
    assert answer.status_code == 403, answer.content
    assert f"You are muted until {UNTIL:%Y-%m-%d}" in answer.json()["detail"]
    nothing_came_of_it()


def test_they_like_and_make_and_take_back(muted: User, bob: User, client_of: ClientOf) -> None:
    open_before = factories.make_item(muted, visibility="public")
    targets, client = scene(muted, bob), client_of(muted)
    client.post(f"/like/{targets['public'].public_id}/")
    assert Like.objects.count() == 1
    client.post(f"/library/{open_before.public_id}/unpublish/")
    assert Item.objects.get(pk=open_before.pk).visibility == "private"
    factories.make_prediction(muted)


def test_where_others_comment_they_read_why_they_do_not(muted: User, bob: User, client_of: ClientOf) -> None:
    address = f"/gallery/{scene(muted, bob)['public'].public_id}/"
    theirs, others = (client_of(one).get(address).content.decode() for one in (muted, bob))
    assert "You are muted until" in theirs and 'name="text"' not in theirs
    assert "You are muted until" not in others and 'name="text"' in others


def test_it_ends_by_the_databases_clock(muted: User) -> None:
    with pytest.raises(Muted):
        check_may_post(muted)
    User.objects.filter(pk=muted.pk).update(muted_until=timezone.now() - timedelta(seconds=1))
    check_may_post(muted)


@pytest.mark.parametrize(("what", "path", "form"), PAGES, ids=[one[0] for one in PAGES])
def test_pages_tell_the_end_in_the_readers_zone_as_they_write_moments(
    alice: User, bob: User, client_of: ClientOf, what: str, path: str, form: dict[str, str]
) -> None:
    sanctions.mute(alice, None, datetime(2099, 3, 4, 20, 30, tzinfo=UTC), "Calm down.")
    targets, client = scene(alice, bob), client_of(alice)
    client.cookies["timezone"] = "Asia/Shanghai"
    address = filled(path, targets)
    assert "muted until 5 Mar 2099, 04:30:" in client.post(address, form, follow=True).content.decode()
    client.cookies["django_language"] = "zh-hans"
    assert "禁言至 2099年3月5日 04:30：" in client.post(address, form, follow=True).content.decode()


def test_the_place_for_comments_tells_the_end_in_the_readers_zone(
    alice: User, bob: User, client_of: ClientOf
) -> None:
    sanctions.mute(alice, None, datetime(2099, 3, 4, 20, 30, tzinfo=UTC), "Calm down.")
    client = client_of(alice)
    client.cookies["timezone"] = "Asia/Shanghai"
    page = client.get(f"/gallery/{scene(alice, bob)['public'].public_id}/").content.decode()
    assert "muted until 5 Mar 2099, 04:30:" in page


def test_programs_are_told_the_end_in_utc_whatever_zone_is_active(muted: User) -> None:
    with timezone.override("Asia/Shanghai"), pytest.raises(Muted) as refused:
        check_may_post(muted)
    assert f"until {UNTIL.astimezone(UTC):%Y-%m-%d %H:%M} UTC:" in refused.value.detail
