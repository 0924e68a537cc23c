"""What lists ask of the database: as many queries for many pictures as for few, and no column that nobody sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from gallery.collections import curation
from gallery.items import item_tags
from gallery.models import Collection, Comment, Follow, Item, Like
from gallery.search import indexer
from predictions.models import Prediction, Status, Version
from tests import factories
from tests.runner.sampling import one_in, short_or_whole

MANY = short_or_whole(7, 45)
LONG = "a very long prompt " * 50
MEMBERS_LISTS = [
    "/library/", "/library/?q=prompt", "/library/?show=public", "/library/?model={model}", "/library/?liked=1",
    "/library/?kind=picture", "/library/?from=2020-01-01", "/library/?shared=1", "/library/?in={shelf}",
    "/library/counts/", "/library/trash/", "/library/{item}/", "/library/links/", "/library/collections/",
    "/library/collections/{shelf}/", "/gallery/", "/gallery/following/", "/studio/", "/studio/shelf/",
]  # fmt: skip
PUBLIC_LISTS = [
    "/", "/gallery/", "/gallery/?q=prompt", "/gallery/?q=长长", "/gallery/week/", "/gallery/tag/sea/",
    "/gallery/by/alice/", "/gallery/model/{model}/", "/gallery/{item}/", "/gallery/{item}/comments/",
    "/gallery/feed.xml", "/gallery/tag/sea/feed.xml", "/gallery/by/alice/feed.xml", "/collections/",
    "/collections/{shelf}/", "/sitemap.xml", "/sitemap-pictures.xml",
]  # fmt: skip
API_LISTS = [
    "/api/items", "/api/items?q=prompt", "/api/trash", "/api/shares", "/api/collections",
    "/api/collections/{shelf}/items", "/api/feed", "/api/likes", "/api/follows", "/api/gallery",
    "/api/gallery?q=prompt", "/api/gallery/{item}/comments",
]  # fmt: skip
# Pages of which nobody may see these, or only their beginnings: they can have any length.
_UNSEEN = re.compile(
    r'"gallery_item"\."prompt"(?!, (?:1, )?160)|"predictions_prediction"\."(?:logs|input|output|result|webhook)"'
    r'|"(?:accounts_user|T\d+)"\."(?:password|email)"'
)
_TILES = re.compile(
    r"^/(?:library/(?:\?|trash|$)|gallery/(?:\?|week|following|tag/sea/$|by/alice/$|model|$)|$)"
)


class GalleryRows:
    """Alice's published pictures of one model, what others did with them, and who looks."""

    def __init__(self, alice: User, bob: User, version: Version) -> None:
        self.alice, self.bob, self.version = alice, bob, version
        self.shelf = self._shelf(alice)
        Follow.objects.create(follower=bob, followed=alice)
        self.items: list[Item] = []

    def add(self, count: int) -> None:
        """So many more of everything that a list could show."""
        prediction = factories.make_prediction(
            self.alice, self.version, status=Status.SUCCEEDED, logs="x" * 5000
        )
        made = [self._item(prediction, index) for index in range(count)]
        for item in made:
            item_tags.set_tags(item.pk, ("sea",))
            factories.make_share_link(item)
        Like.objects.bulk_create(
            Like(item=item, user=user) for item in made for user in (self.alice, self.bob)
        )
        self.items += made
        Comment.objects.bulk_create(
            Comment(item=self.items[0], user=self.bob, text=f"well done {number}") for number in range(count)
        )
        curation.add(self.shelf, made, self.alice)
        for number in range(count):
            other = factories.make_user()
            Follow.objects.create(follower=self.bob, followed=other)
            curation.create(self.alice, f"shelf {number}")
            self._shelf(other, cover=made[number])
        gone = factories.make_prediction(self.alice, self.version, status=Status.SUCCEEDED)
        for index in range(count):
            # With words of its own, so that no search has to look past it.
            self._item(gone, index, prompt="gone", trashed_at=timezone.now())
        while indexer.run_once():
            pass

    def _shelf(self, user: User, **fields: Any) -> Collection:
        account, now = factories.account_of(user), timezone.now()
        return Collection.objects.create(
            account=account, user=user, title="all", visibility="public", published_at=now, **fields
        )  # fmt: skip

    def _item(self, prediction: Prediction, index: int, **fields: Any) -> Item:
        files = [factories.make_stored_file(b"x", width=320, height=240) for _ in range(3)]
        output = factories.make_output(
            prediction, file=files[0], small=files[1], medium=files[2], index=index
        )
        at = timezone.now() - timedelta(minutes=len(self.items) + index)
        same: dict[str, Any] = {
            "visibility": "public",
            "published_at": at,
            "created_at": at,
            "recent_likes": 2,
        }
        return factories.make_item(self.alice, output, **{"prompt": f"{LONG} 长长的", **same, **fields})

    def path(self, pattern: str) -> str:
        """The URL of a list on this server."""
        first = self.items[0]
        return pattern.format(
            model=first.model.ref, shelf=self.shelf.public_id, item=first.public_id
        )  # fmt: skip


@pytest.fixture
def gallery_rows(alice: User, bob: User, version: Version) -> GalleryRows:
    return GalleryRows(alice, bob, version)


def asked(client: Client, path: str, *, is_known: bool = False) -> list[str]:
    """The queries of a page that was opened before, so that nothing is asked for the first time.

    `is_known`: it was. What is asked then for what has changed since counts too.
    """
    for _time in range(1 if is_known else 2):
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(path)
            if answer.streaming:
                list(answer)
        assert answer.status_code == 200, (path, answer.status_code)
    return [query["sql"] for query in seen.captured_queries]


def grown(gallery_rows: GalleryRows, looks: list[tuple[Client, str]]) -> list[tuple[str, int, int]]:
    """The lists that ask more for many pictures than for few, with both numbers."""
    looks = one_in(6, looks, lambda look: look[1])
    gallery_rows.add(3)
    few = [len(asked(client, gallery_rows.path(path))) for client, path in looks]
    gallery_rows.add(MANY)
    many = [len(asked(client, gallery_rows.path(path), is_known=True)) for client, path in looks]
    return [
        (path, before, after)
        for (_who, path), before, after in zip(looks, few, many, strict=True)
        if after > before
    ]


def test_no_page_asks_more_for_many_pictures_than_for_few(
    gallery_rows: GalleryRows, client_of: Callable[[User], Client], client: Client
) -> None:
    owner, reader = client_of(gallery_rows.alice), client_of(gallery_rows.bob)
    looks = [(reader if "following" in path else owner, path) for path in MEMBERS_LISTS]
    assert grown(gallery_rows, [*looks, *((client, path) for path in PUBLIC_LISTS)]) == []


def test_no_list_of_the_api_asks_more_for_many_than_for_few(
    gallery_rows: GalleryRows, bearer: Callable[[User], dict[str, str]]
) -> None:
    owner = Client(headers=bearer(gallery_rows.alice))
    reader = Client(headers=bearer(gallery_rows.bob))
    looks = [(reader if path.endswith(("feed", "follows")) else owner, path) for path in API_LISTS]
    assert grown(gallery_rows, looks) == []


def test_lists_of_tiles_read_no_column_that_nobody_sees(
    gallery_rows: GalleryRows, client_of: Callable[[User], Client], client: Client
) -> None:
    gallery_rows.add(3)
    owner, reader = client_of(gallery_rows.alice), client_of(gallery_rows.bob)
    looks = [(reader if "following" in path else owner, path) for path in MEMBERS_LISTS]
    read = [
        (path, found.group())
        for who, path in one_in(4, [*looks, *((client, path) for path in PUBLIC_LISTS)], lambda look: look[1])
        if _TILES.search(path)
        for query in asked(who, gallery_rows.path(path))
        if "gallery_item" in query and (found := _UNSEEN.search(query))
    ]
    assert read == []


def test_a_page_of_a_list_reads_its_pictures_in_one_query(gallery_rows: GalleryRows, client: Client) -> None:
    gallery_rows.add(5)
    for path in ("/gallery/", "/gallery/week/", "/gallery/by/alice/"):
        files = [query for query in asked(client, path) if "predictions_storedfile" in query]
        assert len(files) == 1, path
