"""What changes while the index is being written stays owed, and several may write at once."""

from __future__ import annotations

import pytest

from accounts.models import User
from gallery.items import deletion, publication
from gallery.models import Item, SearchRow
from gallery.search import indexer, results
from tests.gallery.search.test_search import found, index, made
from tests.support.races import together


def test_what_changes_between_reading_and_writing_stays_owed(alice: User) -> None:
    changed, same = made(alice, "a secret recipe", title="Soup"), made(alice, "a secret garden")
    read = indexer.read(Item.objects.filter(search_owed=True))
    publication.describe(changed, show_prompt=False)
    assert indexer.write(read) == 1
    assert list(Item.objects.filter(search_owed=True)) == [changed]
    assert found("secret") == [same]
    index()
    assert found("secret") == [same]
    assert found("soup") == [changed]


def test_a_tag_that_comes_in_between_is_not_lost(alice: User) -> None:
    item = made(alice, "a fox")
    read = indexer.read(Item.objects.filter(search_owed=True))
    publication.publish(item, tags=["forest"])
    assert indexer.write(read) == 0
    index()
    assert found("forest") == [item]


def test_what_is_deleted_in_between_is_not_indexed(alice: User) -> None:
    item = made(alice, "a fox")
    read = indexer.read(Item.objects.filter(search_owed=True))
    deletion.delete(item)
    assert indexer.write(read) == 0
    assert not SearchRow.objects.exists()


def test_what_another_has_indexed_in_between_is_left_alone(alice: User) -> None:
    made(alice, "a fox")
    read = indexer.read(Item.objects.filter(search_owed=True))
    assert indexer.write(read) == 1
    assert indexer.write(read) == 0


@pytest.mark.django_db(transaction=True)
def test_several_may_index_publish_and_delete_at_once(alice: User) -> None:
    items = [made(alice, "a fox", title=f"number {number}") for number in range(30)]

    def publishes() -> None:
        for item in items[10:20]:
            publication.publish(item, title="renamed")

    def deletes() -> None:
        for item in items[20:]:
            deletion.delete(item)

    assert together([index, index, publishes, deletes]) == [None] * 4
    index()
    assert set(found("fox")) == set(items[:20])
    assert set(found("renamed")) == set(items[10:20])
    assert set(found("number")) == set(items[:10])
    assert SearchRow.objects.count() == 20
    assert not Item.objects.filter(search_owed=True).exists()
    assert results.public_page("renamed number", 5, "", within=Item.objects.public()).rows == []
