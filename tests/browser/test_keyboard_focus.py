"""The first key of a page; that every key leads somewhere is asked of every page in test_every_page.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def test_the_first_key_leads_past_the_bar(window: Open) -> None:
    looking = window()
    page = looking.open("/gallery/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
