"""Pictures to work from, in a real browser: dropped, pasted, picked from the library, taken out."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from predictions.models import Prediction, Upload
from tests import factories
from tests.browser.conftest import Window, until
from tests.support.picture_items import paint, picture_item

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]

CARRY = """([data, name, kind, how]) => {
  const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type: kind }));
  const target = document.getElementById("sheet");
  const as = { bubbles: true, cancelable: true };
  if (how === "paste") target.dispatchEvent(new ClipboardEvent("paste", { ...as, clipboardData: carried }));
  else for (const step of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(step, { ...as, dataTransfer: carried }));
}"""


def bring(page: Page, data: bytes, name: str, how: str) -> None:
    """Drop a file on the sheet, or paste it there."""
    page.evaluate(CARRY, [base64.b64encode(data).decode(), name, "image/png", how])


def png() -> bytes:
    file = io.BytesIO()
    paint(120, 80, 4).save(file, "PNG")
    return file.getvalue()


def large() -> bytes:
    """A picture that no codec makes light: 600 by 300 pixels of noise."""
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (300, 600, 3), "uint8")
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def test_a_picture_dropped_anywhere_is_cut_out(window: Open) -> None:
    factories.make_user("alice", credit=50)
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=cjwbw/rembg")
    page.wait_for_selector("#make:has-text('Choose a picture first')")
    bring(page, b"%PDF-1.7 notes", "notes.pdf", "drop")
    page.wait_for_selector(".slot .wrong:has-text('notes.pdf is not a picture.')")
    assert [text for text in member.complaints if "422" not in text] == []

    # What was sent from here is shown as a small copy of it.
    bring(page, large(), "large.png", "drop")
    page.wait_for_selector(".slot.filled :text('600 × 300')")
    until(page, "document.querySelector('.slot .thumb img').naturalWidth === 208")

    bring(page, png(), "hut.png", "paste")
    page.wait_for_selector(".slot.filled :text('hut.png')")
    page.wait_for_selector(".slot.filled :text('120 × 80')")
    until(page, "document.querySelector('.slot .thumb img').naturalWidth === 120")
    page.wait_for_selector("#make:not([data-needs]):has-text('Cut out'):has-text('0.22 credits')")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".batch", timeout=60_000)
    upload = Upload.objects.get(name="hut.png")
    assert Prediction.objects.get().input == {"image": f"{member.base}/v1/files/{upload.public_id}"}
    assert page.locator(".slot.filled").count() == 1


def test_a_picture_is_picked_from_the_library_by_keyboard(window: Open) -> None:
    alice = factories.make_user("alice", credit=50)
    older, _newer = picture_item(alice, "an old mill"), picture_item(alice, "a new mill")
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=stability-ai/sdxl")
    assert not page.locator(".kind-size fieldset[inert]").count()
    page.focus(".slot[data-slot=image] [data-shelf]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#shelf[open] [data-pick]:focus")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector(".slot.filled :text('an old mill')")
    page.wait_for_selector("#make:has-text('Remake 1')")
    page.wait_for_selector(".kind-size fieldset[inert]")
    page.wait_for_selector(".slot.of-mask [data-paint]:visible")
    path = f"/f/{older.output.token}/{older.output.name}"
    assert page.input_value("#form [name=image]") == member.base + path
    assert page.input_value("[name=made_from]") == older.public_id

    page.click(".slot[data-slot=image] [data-empty]")
    page.wait_for_selector("#make:has-text('Make 1')")
    assert not page.locator("[name=made_from]").count()
    assert not page.locator(".kind-size fieldset[inert]").count()
    assert not page.locator(".slot.of-mask [data-paint]:visible").count()
    assert member.complaints == []


def test_a_seed_is_kept_by_its_lock(window: Open) -> None:
    factories.make_user("alice", credit=50)
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=lucataco/flux-dev-lora")
    lock, field = ".seed [data-lock]", ".seed .input"
    assert page.get_attribute(lock, "aria-pressed") == "false"
    page.fill(field, "7")
    assert page.get_attribute(lock, "aria-pressed") == "true"
    page.click(lock)
    assert page.input_value(field) == ""
    page.click(lock)
    assert page.input_value(field).isdigit()
    assert page.get_attribute(lock, "aria-pressed") == "true"


def test_the_studio_opens_as_this_tab_left_it_and_fresh_in_another(window: Open) -> None:
    factories.make_user("alice", credit=50)
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/")
    page.click(".chosen")
    page.click("[data-model='stability-ai/sdxl']")
    page.wait_for_selector(".chosen:has-text('sdxl')")
    page.fill("#prompt", "a hut in the snow")
    page.fill("#c-seed", "41")
    page.press("#c-seed", "Tab")
    page.wait_for_selector("#make:has-text('0.63 credits')")

    page = member.open("/library/")
    page = member.open("/studio/")
    page.wait_for_selector(".chosen:has-text('sdxl')")
    until(page, "document.getElementById('prompt').value === 'a hut in the snow'")
    assert page.input_value("#c-seed") == "41"
    page.fill("#prompt", "a hut by the sea")
    page.reload()
    until(page, "document.getElementById('prompt').value === 'a hut by the sea'")
    page.wait_for_selector(".chosen:has-text('sdxl')")

    other = member.context.new_page()
    other.goto(f"{member.base}/studio/")
    other.wait_for_selector("#prompt")
    assert other.input_value("#prompt") == ""
    assert "sdxl" not in other.inner_text(".chosen b")
    asked = member.open("/studio/?model=lucataco/flux-dev-lora&prompt=a+lake")
    assert asked.input_value("#prompt") == "a lake"
    assert member.complaints == []
