"""The studio's sheet in a real browser: a series as one group, frames by key, presets and prompts from the dock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from accounts.models import User
from gallery.models import Item, Like, Preset
from predictions.catalogue import loader, lookup
from predictions.models import Prediction
from tests import factories
from tests.browser.conftest import Window, until
from tests.browser.test_journeys import finish
from tests.support.picture_items import picture_item

if TYPE_CHECKING:
    from playwright.sync_api import Route

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def test_a_series_is_priced_made_and_shown_as_one_group_and_its_settings_are_kept(
    window: Open, alice: User
) -> None:
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=lucataco/flux-schnell-lora")
    page.fill("#prompt", "a hill\na lake")
    page.click("[popovertarget=series]")
    page.check("[name=each_line]")
    page.fill("[name=seed_count]", "2")
    until(page, "document.getElementById('make').textContent.includes('Make 4')")
    assert page.inner_text("[data-series]") == "2 × 2"
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".group .part >> nth=3")
    assert page.inner_text(".group-head .tally") == "0 of 4 done"
    first = Prediction.objects.order_by("id")[0]
    finish(first)
    page.wait_for_selector(f"#batch-{first.public_id}.succeeded img")
    until(page, "document.querySelector('.group-head .tally').textContent.includes('1 of 4 done')")
    page.click(".group-head button")
    page.wait_for_selector(".part.canceled >> nth=2")
    assert not Prediction.objects.live().exists()

    page.click("[popovertarget=presets]")
    page.fill("#preset-name", "Two by two")
    page.keyboard.press("Enter")
    page.wait_for_selector("#preset-list .pick:has-text('Two by two')")
    assert Preset.objects.get().model.name == "flux-schnell-lora"
    page.keyboard.press("Escape")
    page.click("[popovertarget=prompts]")
    page.click("#prompt-lines .pick:has-text('a hill')")
    assert page.input_value("#prompt") == "a hill"
    assert member.complaints == []


def test_the_price_is_of_the_last_change_though_the_answer_about_the_one_before_comes_after_it(
    window: Open, alice: User
) -> None:
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=lucataco/flux-schnell-lora")
    page.fill("#prompt", "a hill\na lake")
    page.click("[popovertarget=series]")
    held: list[Route] = []
    page.route("**/studio/quote/", lambda route: held.append(route), times=1)
    page.check("[name=each_line]")
    for _ in range(600):
        if held:
            break
        page.wait_for_timeout(50)
    [first] = held
    answer = first.fetch()
    page.evaluate(
        """() => { const seeds = document.querySelector("[name=seed_count]");
        seeds.value = "2"; seeds.dispatchEvent(new Event("input", {bubbles: true})); }"""
    )
    first.fulfill(response=answer)
    until(page, "document.getElementById('make').textContent.includes('Make 4')")


def test_frames_are_reached_liked_and_thrown_away_by_keys_across_batches(window: Open, alice: User) -> None:
    loader.load()
    version = lookup.find_version("stability-ai/sdxl")
    older, newer = (
        picture_item(
            alice,
            prompt,
            prediction=factories.make_prediction(
                alice, version, status="succeeded", output=["x"], input={"prompt": prompt}
            ),
        )
        for prompt in ("the older", "the newer")
    )
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/")
    page.focus(f"#f-{older.public_id}")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == f"f-{newer.public_id}"
    page.keyboard.press("l")
    until(page, "document.querySelectorAll('.frame[data-liked]').length === 1")
    assert Like.objects.get().item == newer
    page.keyboard.press("Delete")
    until(page, f"document.activeElement.id === 'f-{older.public_id}'")
    assert Item.objects.get(pk=newer.pk).in_trash
    page.wait_for_selector("#toasts [data-undo]")
    page.keyboard.press("Control+z")
    until(page, "!document.querySelector('.frame.gone')")
    until(page, f"document.activeElement.id === 'f-{newer.public_id}'")
    assert not Item.objects.get(pk=newer.pk).in_trash
    page.keyboard.press("r")
    page.wait_for_selector("#origin")
    assert page.input_value("#prompt") == "the newer"
    assert member.complaints == []


def test_a_finger_finds_everything_behind_one_button_of_a_picture(window: Open, alice: User) -> None:
    item = picture_item(alice, "a red lighthouse")
    phone = window(width=390)
    phone.sign_in("alice")
    page = phone.open("/studio/")
    more = page.locator(f".frame[data-item='{item.public_id}'] > .more-touch")
    size = more.bounding_box()
    assert size is not None and min(size["width"], size["height"]) >= 44
    more.tap()
    menu = page.locator("#frame-menu")
    assert [one.strip() for one in menu.locator(".touch").all_inner_texts()] == [
        "Like", "Remix", "Use as input", "Download",
    ]  # fmt: skip
    boxes = [one.bounding_box() for one in menu.locator(":is(a, button)").all()]
    assert all(box is not None and box["height"] >= 44 for box in boxes)
    menu.get_by_text("Like").tap()
    until(page, "document.querySelector('.frame[data-liked]') !== null")
    assert Like.objects.get().item_id == item.pk
    more.tap()
    menu.get_by_text("Move to the trash").tap()
    page.wait_for_selector(".toast [data-undo]")
    assert not page.query_selector(".more-touch")
    page.tap(".toast [data-undo]")
    until(page, "document.querySelector('.frame > .more-touch') !== null")
    assert phone.sideways() <= 0 and phone.complaints == []
