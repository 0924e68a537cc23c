"""Pictures with transparency are shown on a checkerboard, or on black or white where their owner chooses that."""

from __future__ import annotations

import pytest
from django.test import Client

from gallery.items import tiles
from gallery.models import Item


@pytest.fixture
def clear(item: Item) -> Item:
    """A picture that is transparent in part, as its look says: a colour, and no blur."""
    item.output.blur = ""
    item.output.save(update_fields=["blur"])
    return item


@pytest.mark.parametrize("path", ["/library/", "/library/{id}/"])
def test_a_transparent_picture_stands_on_squares_and_not_on_its_blur(
    as_alice: Client, clear: Item, path: str
) -> None:
    assert tiles.has_transparency(clear)
    shown = as_alice.get(path.format(id=clear.public_id)).content.decode()
    assert "--blur:var(--checks);--fill:16px 16px;--fills:repeat" in shown
    assert f"--c:{clear.output.colour}" not in shown


def test_the_ground_is_chosen_on_the_page_of_a_transparent_picture_alone(
    as_alice: Client, item: Item
) -> None:
    address = f"/library/{item.public_id}/"
    assert 'name="ground"' not in as_alice.get(address).content.decode()
    item.output.blur = ""
    item.output.save(update_fields=["blur"])
    shown = as_alice.get(address).content.decode()
    assert [f'value="{ground}"' in shown for ground in ("squares", "black", "white")] == [True] * 3
