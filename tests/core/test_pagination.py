"""Pages by the database's own times: they must have the form in which Python asks, or rows repeat."""

from __future__ import annotations

from accounts.models import User
from core import pagination
from core.clock import Now
from gallery.models import Item
from tests.support.picture_items import picture_item


def test_items_of_one_database_moment_neither_repeat_nor_go_missing(alice: User) -> None:
    items = [picture_item(alice) for _ in range(7)]
    Item.objects.update(created_at=Now(), published_at=Now(), visibility="public")
    for field in ("created_at", "published_at"):
        found: list[int] = []
        after = ""
        for _page in range(4):
            page = pagination.page_or_newest(Item.objects.all(), field, 2, after)
            found += [item.pk for item in page.rows]
            after = page.next
        assert found == [item.pk for item in reversed(items)]


def test_a_neighbour_is_never_the_picture_itself(alice: User) -> None:
    items = [picture_item(alice) for _ in range(3)]
    Item.objects.update(created_at=Now())
    middle = Item.objects.get(pk=items[1].pk)
    place = pagination.Place(middle.created_at, middle.pk)
    assert list(Item.objects.filter(pagination.older_than("created_at", place))) == [items[0]]
    assert list(Item.objects.filter(pagination.newer_than("created_at", place))) == [items[2]]
