"""The family of a picture on its page: what it was made from, what was made from it, and only what one may see."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from gallery.items import relatives
from gallery.models import Item
from predictions.models import Status, Version
from tests import factories
from tests.support.picture_items import picture_item


def child(user: User, parent: Item, version: Version, how: str = "remix", **fields: object) -> Item:
    """A picture made from another."""
    made = factories.make_prediction(
        user, version, status=Status.SUCCEEDED, output=["x"], made_from=parent.public_id, made_how=how,
        input={"prompt": "x"},
    )  # fmt: skip
    return picture_item(user, "x", prediction=made, width=24, height=16, **fields)  # type: ignore[arg-type]


def ids(relatives: list[relatives.Relative]) -> list[str]:
    return [one.tile.item.public_id for one in relatives]


def test_ancestors_stand_oldest_first_and_children_newest_first(
    alice: User, item: Item, version: Version
) -> None:
    parent = child(alice, item, version, "input")
    middle = child(alice, parent, version, "variation")
    first, second = child(alice, middle, version), child(alice, middle, version, "variation")
    found = relatives.for_item(middle, alice)
    assert ids(found.ancestors) == [item.public_id, parent.public_id]
    assert [one.how for one in found.ancestors] == ["input", "variation"]
    assert ids(found.children) == [second.public_id, first.public_id]
    assert [one.how for one in found.children] == ["variation", "remix"]


def test_the_page_links_the_family(as_alice: Client, alice: User, item: Item, version: Version) -> None:
    made = child(alice, item, version)
    page = as_alice.get(f"/library/{item.public_id}/").content.decode()
    assert 'id="family"' in page and f'href="/library/{made.public_id}/"' in page
    assert (
        f'href="/library/{item.public_id}/"' in as_alice.get(f"/library/{made.public_id}/").content.decode()
    )
    lonely = picture_item(alice, "alone", width=24, height=16)
    assert 'id="family"' not in as_alice.get(f"/library/{lonely.public_id}/").content.decode()


def test_strangers_see_only_what_is_public(
    client: Client, alice: User, charlie: User, public: Item, version: Version
) -> None:
    shown = child(charlie, public, version, visibility="public")
    child(charlie, public, version)
    child(charlie, public, version, visibility="public", show_prompt=False)
    child(charlie, public, version, visibility="public", sensitive=True)
    hidden = child(charlie, public, version, visibility="public")
    Item.objects.filter(pk=hidden.pk).update(hidden_at=hidden.created_at)
    trashed = child(charlie, public, version, visibility="public")
    Item.objects.filter(pk=trashed.pk).update(trashed_at=trashed.created_at)
    for viewer in (alice, AnonymousUser()):
        assert ids(relatives.for_item(public, viewer).children) == [shown.public_id]
    page = client.get(f"/gallery/{public.public_id}/").content.decode()
    assert f'href="/gallery/{shown.public_id}/"' in page


def test_a_private_ancestor_ends_the_line(alice: User, charlie: User, public: Item, version: Version) -> None:
    private = child(alice, public, version)
    open_one = child(alice, private, version, visibility="public")
    assert ids(relatives.for_item(open_one, alice).ancestors) == [public.public_id, private.public_id]
    assert ids(relatives.for_item(open_one, charlie).ancestors) == []


def test_a_prompt_kept_back_keeps_the_line_back(
    alice: User, charlie: User, public: Item, version: Version
) -> None:
    made = child(alice, public, version, visibility="public", show_prompt=False)
    assert relatives.for_item(made, charlie).ancestors == []
    assert ids(relatives.for_item(made, alice).ancestors) == [public.public_id]


def test_a_circle_ends(alice: User, item: Item, version: Version) -> None:
    made = child(alice, item, version)
    origin = item.output.prediction
    origin.made_from = made.public_id
    origin.save(update_fields=["made_from"])
    assert ids(relatives.for_item(made, alice).ancestors) == [item.public_id]


@pytest.mark.parametrize("generations", [7])
def test_large_families_cost_a_bounded_number_of_queries(
    alice: User, item: Item, version: Version, generations: int
) -> None:
    def queries(of: Item) -> int:
        fresh = Item.objects.select_related("output__prediction").get(pk=of.pk)
        with CaptureQueriesContext(connection) as caught:
            assert relatives.for_item(fresh, alice)
        return len(caught)

    child(alice, item, version)
    few = queries(item)
    for _ in range(13):
        child(alice, item, version)
    assert queries(item) == few
    assert len(relatives.for_item(item, alice).children) == relatives.CHILDREN
    youngest = item
    for _ in range(generations):
        youngest = child(alice, youngest, version)
    assert len(relatives.for_item(youngest, alice).ancestors) == relatives.GENERATIONS
    assert queries(youngest) <= relatives.GENERATIONS + 2
