"""A collection in a real browser: ordered by mouse and by keyboard, shared with a password, withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gallery.collections import curation
from gallery.models import Collection, CollectionItem
from tests import factories
from tests.browser.conftest import Window, until
from tests.support.picture_items import picture_item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def order(collection: Collection) -> str:
    """The pictures' letters in their order, as the database has it."""
    rows = CollectionItem.objects.filter(collection=collection).order_by("place", "id")
    return "".join(rows.values_list("item__title", flat=True))


def settled(page: Any, collection: Collection, expected: str) -> None:
    """Page and database agree on the order."""
    until(page, "!document.querySelector('[data-arrange]').hasAttribute('aria-busy')")
    shown = page.locator("[data-list] .grip").evaluate_all(
        "all => all.map(one => one.ariaLabel.slice(-1)).join('')"
    )
    assert (shown, order(collection)) == (expected, expected)


def drag(page: Any, what: int, to: int) -> None:
    """Press on one picture, carry it over another one, let go."""
    grips = page.locator("[data-list] .grip")
    one, other = grips.nth(what).bounding_box(), grips.nth(to).bounding_box()
    page.mouse.move(one["x"] + one["width"] / 2, one["y"] + one["height"] / 2)
    page.mouse.down()
    page.mouse.move(one["x"] + one["width"] / 2 + 20, one["y"] + one["height"] / 2 + 8, steps=3)
    page.mouse.move(other["x"] + other["width"] / 2, other["y"] + 40, steps=4)
    page.mouse.up()


def test_a_collection_is_arranged_shared_with_a_password_and_withdrawn(window: Open) -> None:
    alice = factories.make_user("alice", credit=10)
    items = [picture_item(alice, title=name, seed=number) for number, name in enumerate("ABCD")]
    collection = curation.create(alice, "Letters")
    curation.add(collection, items, alice)
    own = window()
    own.sign_in("alice")
    page = own.open(f"/library/collections/{collection.public_id}/?arrange=1")

    drag(page, 0, 2)
    settled(page, collection, "BCAD")
    drag(page, 3, 0)
    settled(page, collection, "DBCA")
    page.locator(".grip").nth(1).focus()
    page.keyboard.press("Alt+ArrowRight")
    settled(page, collection, "DCBA")
    page.keyboard.press("Alt+Home")
    settled(page, collection, "BDCA")
    assert page.evaluate("document.activeElement.ariaLabel").endswith("B")
    assert page.inner_text("[data-said]") == "Place 1 of 4"
    page.click("li:nth-child(2) [name=last]")
    settled(page, collection, "BCAD")

    own.open(f"/library/collections/{collection.public_id}/")
    page.click("[data-opens=share]")
    page.fill("#share [name=password]", "open sesame")
    page.click("#share form .primary")
    page.wait_for_selector("#share[open] .open-links")
    address = page.input_value("#share .copy-field input")
    stranger = window()
    guest = stranger.page
    guest.goto(address)
    guest.fill("[name=password]", "open sesame")
    guest.click("main form button")
    guest.wait_for_selector("text=Letters")
    guest.click(".tile >> nth=0")
    until(guest, "document.querySelector('.shared img')?.naturalWidth > 0")
    picture = guest.get_attribute(".shared img", "src")

    page.click("#share .open-links .danger")
    page.wait_for_selector("text=Withdrawn.")
    gone = [guest.request.get(path).status for path in (address, f"{own.base}{picture}")]
    assert gone == [404, 404]
    assert own.complaints == [] and stranger.complaints == []
