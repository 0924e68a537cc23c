"""A library is put in order in a real browser: by keyboard alone, by mouse, and without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from gallery.models import Collection, Item
from tests import factories
from tests.browser.conftest import Window, until
from tests.support.picture_items import many_items

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
CELLS = "document.querySelectorAll('.cell').length"
PICKED = "document.querySelectorAll('.cell.picked').length"
FOCUSED = "[...document.querySelectorAll('.cell')].indexOf(document.activeElement.closest('.cell'))"


@pytest.fixture
def alice_again() -> User:
    """Alice, in the database that the server of the browser's tests sees."""
    return factories.make_user("alice")


def presses(member: Window, *keys: str) -> None:
    for key in keys:
        member.page.keyboard.press(key)


def test_a_library_of_which_half_is_loaded_is_organised_by_keyboard_alone(
    window: Open, alice_again: User
) -> None:
    many_items(alice_again, 100)
    member = window()
    member.sign_in("alice")
    page = member.open("/library/")
    until(page, "document.querySelector('.list').getAttribute('aria-busy') === 'false'")

    # A range into a new collection.
    presses(member, "ArrowDown", "Home", "Space", *["Shift+ArrowRight"] * 4)
    until(page, f"{PICKED} === 5 && {FOCUSED} === 4")
    assert page.inner_text("[data-picked]") == "5 selected"
    presses(member, "c")
    page.wait_for_selector("#picks-collect[open]")
    page.keyboard.type("Hills")
    presses(member, "Enter")
    page.wait_for_selector(".toast:has-text('5 pictures added to “Hills”.')")
    assert Collection.objects.get().entries.count() == 5

    # Up and down lead to the nearest of the next row; another range beside the first.
    presses(member, "ArrowDown")
    until(page, f"{FOCUSED} > 4")
    presses(member, "Escape", "k", "j", "Space", "ArrowRight", "Space")
    until(page, f"{PICKED} === 2")

    # Into the trash; what comes next has the focus, and all comes back where it was.
    first = page.evaluate("document.querySelector('.cell.picked').dataset.id")
    presses(member, "Delete")
    page.wait_for_selector(".toast:has-text('2 moved to the trash for 30 days.') [data-undo]")
    until(page, f"{PICKED} === 0 && {FOCUSED} > 4")
    assert Item.objects.filter(trashed_at__isnull=False).count() == 2
    presses(member, "Control+z")
    page.wait_for_selector(".toast:has-text('2 pictures brought back.')")
    until(page, f"document.activeElement.closest('.cell').dataset.id === '{first}'")
    assert not Item.objects.filter(trashed_at__isnull=False).exists()

    # All that matches, though most of it is not loaded, is published with one form.
    presses(member, "Control+a")
    page.wait_for_selector("[data-everything]:visible:has-text('Select all 100')")
    for _tab in range(6):
        presses(member, "Tab")
        if page.evaluate("document.activeElement.matches('[data-everything]')"):
            break
    presses(member, "Enter")
    until(page, "document.querySelector('[data-picked]').textContent === '100 selected'")
    presses(member, "p")
    page.wait_for_selector("#picks-publish[open]")
    page.keyboard.type("hills")
    presses(member, "Enter")
    page.wait_for_selector(".toast:has-text('100 pictures are published now.')", timeout=60_000)
    assert Item.objects.filter(visibility="public", item_tags__tag__name="hills").count() == 100
    assert member.complaints == []


def test_the_mouse_takes_ranges_and_older_rows_come_before_they_are_reached(
    window: Open, alice_again: User
) -> None:
    many_items(alice_again, 60)
    member = window()
    member.sign_in("alice")
    page = member.open("/library/")
    page.hover(".cell >> nth=1")
    page.click(".cell >> nth=1 >> .pick")
    page.click(".cell >> nth=6 >> a.tile", modifiers=["Shift"])
    until(page, f"{PICKED} === 6")
    page.click(".cell >> nth=3 >> .pick")
    until(page, f"{PICKED} === 5")
    for _time in range(3):
        page.keyboard.press("Control+End")
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(50)
    until(page, f"scrollTo(0, document.body.scrollHeight), {CELLS} === 60")
    # Each once: the page's script names them when it has taken them over.
    until(
        page,
        "new Set([...document.querySelectorAll('.cell')].map(cell => cell.dataset.id ?? '')).size === 60",
    )
    assert page.evaluate("document.querySelectorAll('.day').length") == 1
    assert member.shift() < 0.02
    with page.expect_download() as zipped:
        page.click("[data-zip-button]")
    assert zipped.value.suggested_filename.endswith(".zip")
    assert member.complaints == []


def test_a_picture_fills_the_screen_and_leads_to_its_neighbours(window: Open, alice_again: User) -> None:
    items = many_items(alice_again, 3)
    member = window()
    member.sign_in("alice")
    page = member.open(f"/library/{items[0].public_id}/")
    page.keyboard.press("z")
    page.wait_for_selector("#lightbox[open] img")
    page.keyboard.press("ArrowRight")
    until(page, f"document.querySelector('#lightbox img').src.includes('{items[1].public_id}')")
    page.keyboard.press("Escape")
    page.wait_for_url(f"**/{items[1].public_id}/")
    assert member.complaints == []


def test_boxes_and_buttons_do_it_without_scripts(window: Open, alice_again: User) -> None:
    items = many_items(alice_again, 4)
    plain = window(scripts=False)
    plain.sign_in("alice")
    page = plain.open("/library/")
    page.check(f"input[value='{items[1].public_id}']")
    page.check(f"input[value='{items[2].public_id}']")
    page.click("button[value=trash]")
    page.wait_for_selector(".toast:has-text('2 moved to the trash')")
    page.click(".toast [data-undo]")
    page.wait_for_selector(".toast:has-text('2 pictures brought back.')")
    page.click(".shelf >> text=Trash")
    page.wait_for_selector("text=The trash is empty.")


def test_what_a_dialog_cannot_do_is_said_in_it_until_it_is_closed(window: Open, alice_again: User) -> None:
    many_items(alice_again, 3)
    member = window()
    member.sign_in("alice")
    page = member.open("/library/")
    until(page, "document.querySelector('.list').getAttribute('aria-busy') === 'false'")
    presses(member, "ArrowDown", "Home", "Space", "c")
    page.wait_for_selector("#picks-collect[open]")
    page.click("#picks-collect .primary")
    # Behind the dialog nobody could close it.
    page.wait_for_selector("#picks-collect .toast.error:has-text('or name a new one')")
    page.click("#picks-collect .primary")
    page.wait_for_selector("#picks-collect .toast.error:has-text('or name a new one')")
    page.click("#picks-collect .toast .close")
    page.wait_for_selector(".toast", state="detached")
    page.click("#picks-collect .primary")
    page.wait_for_selector("#picks-collect .toast.error")
    presses(member, "Escape")
    page.wait_for_selector(".toast", state="detached")
