"""The public gallery in a real browser: covered pictures shown on demand; hearts, talk and reports without a reload."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from gallery.models import Comment, Item, Like, Report
from tests import factories
from tests.browser.conftest import Window, until
from tests.support.picture_items import picture_item

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def two_pictures() -> tuple[Item, Item]:
    """Two pictures of one author's, the newer one sensitive; and a reader."""
    author = factories.make_user("author")
    factories.make_user("reader")
    plain = picture_item(author, "a quiet boat", visibility="public")
    return plain, picture_item(author, "a storm", visibility="public", sensitive=True)


def settled(page: Page) -> None:
    """Wait until what came with an answer listens: a form that is sent before that leads to a page of its own."""
    until(page, "!document.querySelector('.htmx-request, .htmx-swapping, .htmx-added, .htmx-settling')")


def test_a_reader_looks_likes_talks_and_reports_without_a_reload(window: Open) -> None:
    plain, covered = two_pictures()
    one = window()
    one.sign_in("reader")
    page = one.open("/gallery/")
    # The search has its key, and a covered picture is there once it is asked for.
    page.keyboard.press("/")
    until(page, "document.activeElement.name === 'q'")
    page.keyboard.press("Tab")
    assert page.locator(".tile img").count() == 1
    page.click("[data-reveal]")
    until(page, f"document.querySelector('.tile img[src*=\"{covered.public_id}\"]')?.naturalWidth > 0")
    until(page, "document.activeElement.matches('.tile')")
    # A choice holds for every page from now on.
    page.click(".drop summary")
    with page.expect_navigation():
        page.click(".drop-menu button[value=show]")
    assert page.locator("[data-reveal]").count() == 0

    page = one.open(f"/gallery/{plain.public_id}/")
    page.evaluate("window.stays = true")
    page.keyboard.press("l")
    page.wait_for_selector(".like [aria-pressed=true]")
    settled(page)
    page.focus(".like button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".like [aria-pressed=false]")
    # Who went there by keyboard still is there.
    settled(page)
    until(page, "document.activeElement.closest('.like') !== null")
    page.keyboard.press("Enter")
    page.wait_for_selector(".like [aria-pressed=true]")
    page.click(".follow button")
    page.wait_for_selector(".follow [aria-pressed=true]")
    page.fill("#comments textarea", "What <b>light</b>!")
    page.click("#comments form .button")
    page.wait_for_selector(".comment .said")
    settled(page)
    assert page.inner_text(".comment .said") == "What <b>light</b>!"
    page.hover(".comment")
    page.click(".comment-deeds form button")
    until(page, "!document.querySelector('.comment')")
    assert page.evaluate("window.stays") is True
    assert (Like.objects.count(), Comment.objects.filter(removed_at__isnull=True).count()) == (1, 0)

    page.click(".social-bar [data-report]")
    page.wait_for_selector("dialog[open] [name=reason]")
    page.keyboard.press("Escape")
    until(page, "document.activeElement.matches('[data-report]')")
    page.keyboard.press("Enter")
    page.click("dialog[open] label:has([value=copied])")
    page.click("dialog[open] .button.primary")
    page.wait_for_url("**/gallery/")
    assert page.locator(f".tile[href*='{plain.public_id}']").count() == 0
    assert Report.objects.get().reason == "copied"
    assert one.complaints == []


def test_the_gallery_works_without_scripts_on_a_phone(window: Open) -> None:
    plain, covered = two_pictures()
    one = window(scripts=False, width=390)
    one.sign_in("reader")
    page = one.open("/gallery/")
    assert one.page.locator("[data-reveal]").is_hidden()
    page.click(".tile.covered")
    page.click(".veil a")
    page.wait_for_selector(f".print img[src*='{covered.public_id}']")
    page.click(".like button")
    page.wait_for_selector(".like [aria-pressed=true]")
    page.fill("#comments textarea", "Fine")
    page.click("#comments form .button")
    page.wait_for_selector(".comment .said")
    page.click(".social-bar a[href^='/report/']")
    page.click("label:has([value=hate])")
    page.click("main form .button.primary")
    page.wait_for_selector(".toast")
    assert page.locator(".tile").count() == 1
    assert Like.objects.count() == Comment.objects.count() == Report.objects.count() == 1
    assert plain.public_id in page.content()
