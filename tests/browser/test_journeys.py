"""What people do, in a real browser: sign up, make, publish, share, withdraw, delete."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.animation.mp4_writer import VideoWriter
from engine.images.encoder import Label
from gallery.models import Item, ShareLink
from predictions import lifecycle
from predictions.catalogue import lookup
from predictions.files import media
from predictions.lifecycle import completion
from predictions.models import Phase, Prediction, Status
from tests import factories
from tests.browser.conftest import Window, until
from tests.support.picture_items import paint, picture_item, stored

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def finish(prediction: Prediction) -> None:
    """End a prediction as its collector would: with stored files, through the lifecycle."""
    Prediction.objects.filter(pk=prediction.pk).update(
        status=Status.PROCESSING, phase=Phase.COLLECTING, claim="c", result={"metrics": {"predict_time": 1.5}}
    )
    prediction = Prediction.objects.select_related("version", "price").get(pk=prediction.pk)
    files = [stored(paint(320, 240, seed)) for seed in (1, 2, 3)]
    for file in files:
        file.state = "pending"
        file.save()
    output = completion.PreparedOutput(
        index=0, name="out-0.webp", token=media.new_token(), file=files[0], small=files[1], medium=files[2],
        colour="#804020", blur="",
    )  # fmt: skip
    assert lifecycle.succeed(prediction, "c", [output], None)


def test_from_signing_up_to_a_link_that_is_withdrawn(window: Open) -> None:
    member, stranger = window(), window()
    page = member.open("/accounts/signup/")
    page.fill("[name=username]", "mei")
    page.fill("[name=email]", "mei@example.org")
    page.fill("[name=password1]", "a quiet red lamp")
    page.fill("[name=password2]", "a quiet red lamp")
    page.click("main form button")
    page.wait_for_url("**/studio/")

    page.fill("#prompt", "a lighthouse in the fog")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".batch .queued")
    assert page.input_value("#prompt") == "a lighthouse in the fog"
    finish(Prediction.objects.get())
    page.wait_for_selector(".batch.succeeded .frame.done img")

    page.click(".frame.done a")
    page.wait_for_url("**/library/*/")
    page.click("[data-opens=publish]")
    page.fill("#publish [name=title]", "Fog")
    page.click("#publish .primary")
    page.wait_for_selector(".badge.accent")

    seen = stranger.open("/gallery/")
    seen.click(".rows a.tile")
    seen.wait_for_selector("h1:has-text('Fog')")
    until(seen, "document.querySelector('.stage .print img').naturalWidth === 320")

    page.click("[data-opens=share]")
    page.click("#share .primary")
    page.wait_for_selector("#share[open] .open-links")
    address = page.input_value("#share .copy-field input")
    shared = stranger.page
    shared.goto(address)
    until(shared, "document.querySelector('.shared img').naturalWidth === 320")

    page.click("#share .open-links .danger")
    page.wait_for_selector(".toast:has-text('Withdrawn')")
    answer = shared.goto(address)
    assert answer is not None
    assert answer.status == 404
    assert member.complaints == []


def test_progress_comes_by_itself(window: Open) -> None:
    alice = factories.make_user("alice", credit=50)
    version = lookup.find_version("lucataco/flux-dev-lora")
    prediction = factories.make_prediction(alice, version)
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/")
    page.wait_for_selector("text=1st in the queue")
    Prediction.objects.filter(pk=prediction.pk).update(
        status=Status.PROCESSING, phase=Phase.RUNNING, progress=0.32, revision=1,
        logs=" 32%|███    | 9/28 [00:05<00:11,  1.7it/s]\n",
    )  # fmt: skip
    page.wait_for_selector(".tray :text('32%')")
    page.wait_for_selector("text=step 9 / 28")
    page.fill("#prompt", "typed meanwhile")
    lifecycle.fail(prediction.pk, "The upstream stopped.")
    page.wait_for_selector(".batch.failed >> text=The upstream stopped.")
    assert page.input_value("#prompt") == "typed meanwhile"
    # Nothing lives any more, so nothing is asked any more, but for news where no stream can be had.
    page.wait_for_timeout(300)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert [url for url in asked if "/live/?after=" not in url] == []
    assert member.complaints == []


def test_the_price_follows_the_controls(window: Open) -> None:
    factories.make_user("alice", credit=50)
    member = window()
    member.sign_in("alice")
    page = member.open("/studio/?model=lucataco/flux-schnell-lora")
    page.click(".segmented span:text-is('4')")
    page.wait_for_selector("#make:has-text('Make 4'):has-text('2.4 credits')")
    page.click(".chosen")
    page.click("#models a[data-model='lucataco/flux-dev-lora']")
    page.wait_for_selector("#make:has-text('15.2 credits')")
    assert page.locator(".segmented input:checked").first.input_value() == "4"
    assert member.complaints == []


def test_nothing_lies_over_the_page_of_a_picture(window: Open) -> None:
    """The element in the middle of the picture is the picture, and its actions can be clicked."""
    item = picture_item(factories.make_user("alice"), "a lighthouse")
    member = window()
    member.sign_in("alice")
    page = member.open(f"/library/{item.public_id}/")
    blends = "() => [...document.querySelectorAll('main *')].map((e) => getComputedStyle(e).mixBlendMode)"
    assert set(page.evaluate(blends)) == {"normal"}
    page.click(".deeds.light button, .deeds.light a", trial=True)


def test_a_film_plays_on_its_page_unless_less_motion_is_asked_for(window: Open) -> None:
    video = factories.make_stored_file(film(), content_type="video/mp4", width=64, height=64)
    alice = factories.make_user("alice")
    prediction = factories.make_prediction(alice, status="succeeded")
    item = factories.make_item(alice, factories.make_output(prediction, file=video, name="out.mp4"))
    member = window(motion=True)
    member.sign_in("alice")
    page = member.open(f"/library/{item.public_id}/")
    if not page.evaluate(
        "() => document.createElement('video').canPlayType('video/mp4; codecs=avc1.42E01E')"
    ):
        pytest.skip("this Chromium plays no H.264")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0")
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    page.wait_for_function("() => document.querySelector('video').readyState >= 1")
    assert page.evaluate("() => document.querySelector('video').paused")


def film() -> bytes:
    """Two seconds of H.264, 64 pixels a side."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        label = Label("acme/film", "1", 1, {})
        with VideoWriter(path, 64, 64, 8, label) as video:
            for shade in range(16):
                video.add(np.full((64, 64, 3), 12 * shade, np.uint8))
        return path.read_bytes()


def test_a_picture_is_deleted_with_the_keyboard_and_brought_back(window: Open) -> None:
    alice = factories.make_user("alice")
    older, newer = picture_item(alice, "older"), picture_item(alice, "newer")
    member = window()
    member.sign_in("alice")
    page = member.open(f"/library/{newer.public_id}/")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/{older.public_id}/")
    page.keyboard.press("Delete")
    page.wait_for_url("**/library/")
    page.wait_for_selector(".toast [data-undo]")
    assert list(Item.objects.filter(trashed_at__isnull=True)) == [newer]
    page.keyboard.press("Control+z")
    page.wait_for_selector(".toast:has-text('brought back')")
    assert Item.objects.filter(trashed_at__isnull=True).count() == 2


def test_everything_works_without_scripts(window: Open) -> None:
    alice = factories.make_user("alice", credit=50)
    item = picture_item(alice, "a green valley")
    plain = window(scripts=False)
    plain.sign_in("alice")
    page = plain.open("/studio/")
    page.fill("#prompt", "a hut in the snow")
    page.click("#make")
    page.wait_for_selector(".batch >> text=a hut in the snow")
    assert Prediction.objects.filter(input__prompt="a hut in the snow").count() == 1
    page.click(".batch form button:has-text('Cancel')")
    page.wait_for_selector("text=came back")
    plain.open(f"/library/{item.public_id}/")
    page.click("#publish .primary")
    page.wait_for_selector(".badge.accent")
    page.click("#share .primary")
    page.wait_for_selector("#share .open-links")
    assert ShareLink.objects.filter(item=item).count() == 1


def test_the_theme_changes_at_once_and_is_remembered(window: Open) -> None:
    visitor = window(theme="dark")
    page = visitor.open("/")
    dark = page.evaluate("getComputedStyle(document.body).color")
    page.click(".theme-switch .sun")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.body).color") != dark
    assert visitor.complaints == []


def test_rows_of_pictures_do_not_move_while_they_load(window: Open) -> None:
    alice = factories.make_user("alice")
    prediction = factories.make_prediction(alice, status=Status.SUCCEEDED, output=["x"])
    for index, (width, height) in enumerate([(96, 64), (64, 96), (80, 80), (120, 51), (51, 120), (108, 88)]):
        picture_item(
            alice, prediction=prediction, width=width, height=height, index=index, visibility="public"
        )
    visitor = window()
    page = visitor.open("/gallery/")
    until(page, "[...document.images].slice(0, 4).every(image => image.complete)")
    assert visitor.shift() < 0.02
    heights = page.evaluate(
        "[...document.querySelectorAll('.cell')].map(c => c.getBoundingClientRect().height)"
    )
    assert min(heights) > 100
