"""More of what people do: repaint with a mask, search in Chinese, everything on a phone."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from accounts.models import User
from core.jobs import scheduler
from gallery.items import publication
from gallery.models import Item, ShareLink
from predictions.files import media
from predictions.models import Prediction, StoredFile, Upload
from tests import factories
from tests.browser.conftest import Window, until
from tests.browser.test_journeys import finish
from tests.support.picture_items import paint, picture_item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
INPAINTING = "stability-ai/stable-diffusion-inpainting"


def mask_of(file: StoredFile) -> Image.Image:
    with media.storage().open(file.key, "rb") as opened:
        mask = Image.open(io.BytesIO(opened.read()))
        mask.load()
    return mask.convert("L")


def test_a_part_of_a_picture_is_painted_over_and_made_anew(window: Open) -> None:
    factories.make_user("alice", credit=50)
    member = window()
    member.sign_in("alice")
    page = member.open(f"/studio/?model={INPAINTING}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "boat.png")
        paint(256, 192, 3).save(path)
        page.set_input_files("#form input[type=file] >> nth=0", str(path))
        page.wait_for_selector("[data-slot=mask] .offer[data-paint]:not([aria-disabled=true])")
    page.fill("#prompt", "a small red boat")
    page.click("[data-slot=mask] .offer[data-paint]")
    page.wait_for_selector("dialog[open] canvas")
    # By the four numbers, which are exact however large the window is.
    page.keyboard.press("m")
    for name, value in (("left", 64), ("top", 48), ("width", 128), ("height", 96)):
        page.fill(f"dialog[open] [name=mask-{name}]", str(value))
    page.click("dialog[open] [data-mask=rectangle]")
    page.wait_for_selector("dialog[open] :text('25% painted')")
    page.click("dialog[open] .primary")
    page.wait_for_selector("dialog[open]", state="detached")
    page.wait_for_selector("[data-slot=mask].filled:not(.busy)")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".batch .queued")

    prediction = Prediction.objects.get()
    assert prediction.input["prompt"] == "a small red boat"
    uploads = {upload.public_id: upload for upload in Upload.objects.select_related("file")}
    assert {name for name in ("image", "mask") if prediction.input.get(name)} == {"image", "mask"}
    mask = mask_of(next(one.file for key, one in uploads.items() if key in prediction.input["mask"]))
    assert mask.size == (256, 192)
    assert (mask.getpixel((128, 96)), mask.getpixel((10, 10))) == (255, 0)
    finish(prediction)
    page.wait_for_selector(".batch.succeeded .frame.done img")
    assert member.complaints == []


@pytest.fixture
def harbour(transactional_db: None) -> Item:
    """A published picture of a harbour in the fog, described in Chinese, among others."""
    alice = factories.make_user("alice", credit=50)
    found = picture_item(alice, "清晨雾中的港口，木船和灯塔", seed=2)
    for item, title in ((found, "雾港"), (picture_item(alice, "雪山下的湖泊", seed=3), "湖")):
        publication.publish(item, title=title)
    scheduler.run_all()
    return found


def test_a_picture_is_found_in_chinese(window: Open, harbour: Item) -> None:
    visitor = window(language="zh-CN", theme="light")
    page = visitor.open("/gallery/")
    page.fill("input[type=search]", "港口 灯塔")
    page.keyboard.press("Enter")
    page.wait_for_url("**/gallery/?*q=*")
    page.wait_for_selector(f".rows a.tile[href*='{harbour.public_id}']")
    assert page.locator(".rows a.tile").count() == 1
    page.fill("input[type=search]", "火车")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=火车")
    until(page, "document.querySelectorAll('.rows a.tile').length === 0")
    assert visitor.complaints == []


def test_everything_is_done_on_a_phone(window: Open, alice: User) -> None:
    factories.give(alice, 50)
    phone = window(width=390)
    phone.sign_in("alice")
    page = phone.open("/studio/")
    page.fill("#prompt", "a hut by the sea")
    page.tap("[data-opens-panel]")
    page.wait_for_selector("#panel.shown")
    page.tap("[data-closes-panel]")
    page.tap("#make")
    page.wait_for_selector(".batch .queued")
    finish(Prediction.objects.get())
    page.wait_for_selector(".batch.succeeded .frame.done img")
    assert phone.sideways() <= 0

    page.tap(".tabs a[href='/library/']")
    page.wait_for_url("**/library/")
    page.tap(".rows a.tile")
    page.wait_for_url("**/library/*/")
    page.tap("[data-opens=publish]")
    page.fill("#publish [name=title]", "The hut")
    page.tap("#publish .primary")
    page.wait_for_selector(".badge.accent")
    assert phone.sideways() <= 0
    page.tap("[data-opens=share]")
    page.tap("#share .primary")
    page.wait_for_selector("#share[open] .open-links")
    assert ShareLink.objects.count() == 1
    page.keyboard.press("Escape")
    page.tap(".tabs a[href='/gallery/']")
    page.wait_for_selector(".rows a.tile")
    assert phone.sideways() <= 0
    assert phone.complaints == []


def test_a_press_that_the_server_refuses_is_said_and_what_was_typed_outlives_loading_the_page_again(
    window: Open, alice: User
) -> None:
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=lucataco/flux-schnell-lora")
    page.fill("#prompt", "a lighthouse in the fog")
    # They sign in again in another tab, which invalidates every form of this page.
    again = Window(member.context.new_page(), member.base)
    member.context.clear_cookies(name="sessionid")
    again.sign_in_by_form("alice")

    page.click("#make")
    page.wait_for_selector(".toast.error:has-text('This page was open too long')")
    page.click("#make")
    until(page, "document.getElementById('make').getAttribute('aria-disabled') === null")
    assert page.locator(".toast").count() == 1
    assert not Prediction.objects.exists()
    page.reload()
    until(page, "document.getElementById('prompt').value === 'a lighthouse in the fog'")
    page.click("#make")
    page.wait_for_selector(".batch .queued")
    assert Prediction.objects.get().input["prompt"] == "a lighthouse in the fog"


def test_what_was_typed_for_a_chosen_model_is_there_after_going_away_and_back(
    window: Open, alice: User
) -> None:
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=lucataco/flux-schnell-lora")
    page.fill("#prompt", "a lighthouse in the fog")
    page.fill("[name=seed]", "7")
    member.open("/gallery/")
    page.go_back()
    until(page, "document.getElementById('prompt')?.value === 'a lighthouse in the fog'")
    until(page, "document.querySelector('[name=seed]')?.value === '7'")
    # Another choice of model starts fresh, though it leads to the same page.
    member.open("/studio/?model=stability-ai/sdxl")
    assert page.input_value("#prompt") == ""
    member.open("/studio/?model=lucataco/flux-schnell-lora")
    assert page.input_value("#prompt") == ""


def test_a_cancel_of_what_is_gone_is_said_too(window: Open, alice: User) -> None:
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=lucataco/flux-schnell-lora")
    page.fill("#prompt", "a lighthouse")
    page.click("#make")
    page.wait_for_selector(".batch .queued")
    page.eval_on_selector(".batch form", "form => form.setAttribute('hx-post', '/studio/cancel/gone/')")
    page.evaluate("htmx.process(document.querySelector('.batch form'))")
    page.click(".batch form button")
    page.wait_for_selector(".toast.error")
    page.click(".toast.error .close")
    page.wait_for_selector(".toast.error", state="detached")
