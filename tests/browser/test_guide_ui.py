"""The documentation in a real browser: tabs that are remembered, copying, searching, phones, and no scripts at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studio.guide import documents
from tests.browser.conftest import Window, until
from tests.runner.sampling import one_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def test_the_chosen_client_is_chosen_everywhere_and_remembered(window: Open) -> None:
    reader = window()
    page = reader.open("/docs/")
    page.click(".clients label:has-text('Python') >> nth=0")
    groups = "[...document.querySelectorAll('.clients')]"
    shown = f"{groups}.every(one => one.querySelector('input:checked').value === 'python')"
    until(page, shown)
    assert page.is_visible(".pane[data-client=python] >> nth=0")
    assert not page.is_visible(".pane[data-client=bash] >> nth=0")
    reader.open("/docs/openai")
    until(page, shown)
    assert reader.complaints == []


def test_a_sample_is_copied_as_it_is_shown(window: Open) -> None:
    reader = window()
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = reader.open("/docs/")
    page.hover(".pane[data-client=bash] .snippet >> nth=0")
    page.click(".pane[data-client=bash] .snippet button >> nth=0")
    page.wait_for_selector(".snippet .copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.inner_text(".pane[data-client=bash] pre >> nth=0")
    assert copied.startswith(f"curl -s {reader.base}/v1/models/")


def test_searching_leads_to_the_heading(window: Open) -> None:
    reader = window()
    page = reader.open("/docs/")
    page.fill("#guide-q", "verify the signature")
    page.wait_for_selector("#guide-found a")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs/webhooks#verify-the-signature")
    until(page, "Math.abs(document.getElementById('verify-the-signature').getBoundingClientRect().top) < 200")
    assert reader.complaints == []


def test_on_a_phone_the_contents_unfold_and_nothing_is_wider_than_the_window(window: Open) -> None:
    reader = window(width=360)
    page = reader.open("/docs/")
    assert not page.is_visible(".guide-contents nav")
    page.click(".guide-contents summary")
    page.click(".guide-contents nav a[href='/docs/errors']")
    page.wait_for_url("**/docs/errors")
    addresses = [documents.address(name) for name in documents.NAMES]
    for path in one_in(10, [*addresses, "/docs/models/stability-ai/sdxl"]):
        reader.open(path)
        assert reader.sideways() == 0, path
    assert reader.complaints == []


@pytest.mark.parametrize("width", one_in(2, [390, 1440]))
def test_without_scripts_tabs_contents_and_search_work(window: Open, width: int) -> None:
    reader = window(scripts=False, width=width)
    page = reader.open("/docs/")
    page.click(".clients label:has-text('JavaScript') >> nth=0")
    assert page.is_visible(".pane[data-client=javascript] >> nth=0")
    assert not page.is_visible(".pane[data-client=bash] >> nth=0")
    assert not page.is_visible(".snippet button >> nth=0")
    if width < 1024:
        page.click(".guide-contents summary")
    page.wait_for_selector(".guide-contents nav a[href='/docs/money']", state="visible")
    page.fill("#guide-q", "refund")
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs/search?q=refund")
    page.wait_for_selector(".guide-results a[href='/docs/money#what-a-refund-follows-from']")
