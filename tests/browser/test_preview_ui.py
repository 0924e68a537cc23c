"""A picture that is being made, in a real browser: its looks follow each other, and the picture takes their place."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from accounts.models import User
from predictions import lifecycle
from predictions.catalogue import loader, lookup
from predictions.execution import retries
from predictions.models import Phase, Prediction, Status
from predictions.providers.base import Update
from tests import factories
from tests.browser.conftest import Window, until
from tests.browser.test_journeys import finish
from tests.runner.sampling import one_in

if TYPE_CHECKING:
    from playwright.sync_api import Route

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
WATCH = """() => {
  window.gaps = 0; window.had = false;
  const frame = () => {
    const tray = document.querySelector(".batch .tray");
    const look = tray && [...tray.querySelectorAll(".look")].find(
      one => one.complete && one.naturalWidth && getComputedStyle(one).opacity === "1");
    if (look) window.had = true; else if (tray && window.had) window.gaps += 1;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
"""Counts the frames that showed the empty tray, if only through a look that is coming, although there had been one."""
ASK = "() => setInterval(() => htmx.trigger('#live', 'develop'), 20)"
"""Brings the page up to date again and again, more often than the news of many predictions would."""
LATE = """let first = true;
const decode = HTMLImageElement.prototype.decode;
HTMLImageElement.prototype.decode = async function () {
  if (first) { first = false; await new Promise((done) => setTimeout(done, 5000)); }
  return decode.call(this);
};"""
"""Has the first picture said to be decoded long after it is seen, as on a busy machine."""


@pytest.fixture
def running(alice: User) -> Prediction:
    """Alice's prediction, at the provider, with a first look at it."""
    loader.load()
    version = lookup.find_version("stability-ai/sdxl")
    assert version is not None
    made = factories.make_prediction(
        alice, version, status=Status.PROCESSING, phase=Phase.RUNNING, input={"prompt": "a lake"}
    )
    show(made, 0.1, "red")
    return made


def show(prediction: Prediction, progress: float, colour: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(out, "JPEG")
    present = Prediction.objects.select_related("version").get(pk=prediction.pk)
    assert lifecycle.note(present, Update("processing", progress=progress, preview=out.getvalue()), 60)


def shown(number: int) -> str:
    """Whether only this look is there, decoded and no longer coming."""
    return (
        "[...document.querySelectorAll('.tray .look:not(.coming)')].length === 1 && "
        f"document.querySelector('.tray .look').src.endsWith('preview?n={number}') && "
        "document.querySelector('.tray .look').naturalWidth === 64"
    )


@pytest.mark.parametrize("theme", one_in(2, ["dark", "light"]))
def test_looks_follow_each_other_without_an_empty_tray_and_the_picture_comes_to_light(
    window: Open, running: Prediction, theme: str
) -> None:
    alice = window(theme=theme, motion=True)
    alice.sign_in("alice")
    page = alice.open("/studio/")
    until(page, shown(1))
    page.evaluate(WATCH)
    for number, (progress, colour) in enumerate([(0.3, "green"), (0.6, "blue"), (0.9, "white")], start=2):
        show(running, progress, colour)
        until(page, shown(number))
    assert page.evaluate("window.had && window.gaps === 0")
    assert page.inner_text(".tray .progress-line").startswith("90%")
    finish(running)
    page.wait_for_selector(".batch.succeeded .frame.done img")
    until(page, "!document.querySelector('.fixing') && !document.querySelector('.look')")
    assert alice.shift() < 0.02
    assert alice.complaints == []


def test_a_look_fades_in_over_the_one_before_however_often_the_page_is_brought_up_to_date(
    window: Open, running: Prediction
) -> None:
    alice = window(motion=True)
    alice.sign_in("alice")
    page = alice.open("/studio/")
    until(page, shown(1))
    page.evaluate(WATCH)
    page.evaluate(ASK)
    for number, (progress, colour) in enumerate([(0.3, "green"), (0.6, "blue")], start=2):
        show(running, progress, colour)
        until(page, shown(number))
    assert page.evaluate("[window.had, window.gaps]") == [True, 0]
    assert alice.complaints == []


def test_the_first_look_stays_until_the_second_is_there_though_it_was_decoded_late(
    window: Open, running: Prediction
) -> None:
    alice = window(motion=True)
    alice.run_first(LATE)
    alice.sign_in("alice")
    page = alice.open("/studio/")
    until(page, shown(1))
    page.evaluate(WATCH)
    coming: list[Route] = []
    page.route("**/preview?n=2", lambda route: coming.append(route))
    show(running, 0.3, "green")
    until(page, "document.querySelectorAll('.tray .look[src$=\"n=2\"]').length === 1")
    page.wait_for_timeout(100)
    coming.pop().continue_()
    until(page, shown(2))
    assert page.evaluate("[window.had, window.gaps]") == [True, 0]
    assert alice.complaints == []


@pytest.mark.parametrize("theme", one_in(2, ["dark", "light"]))
def test_why_a_finished_file_is_late_is_read_in_the_tray(
    window: Open, running: Prediction, theme: str
) -> None:
    note = retries.PATIENCE["unreachable"].waiting
    Prediction.objects.filter(pk=running.pk).update(phase=Phase.RESULT, logs=f"[{note}]\n")
    alice = window(theme=theme, width=390)
    alice.sign_in("alice")
    page = alice.open("/studio/")
    line = page.wait_for_selector(".tray .trouble")
    assert line is not None and line.inner_text() == note
    # In the colour of the rest of the line, on its dark ground and clear of the tray's edges.
    assert page.evaluate(
        """() => {
          const colour = one => getComputedStyle(document.querySelector(one)).color;
          const box = one => document.querySelector(one).getBoundingClientRect();
          const tray = box(".tray"), said = box(".tray .trouble");
          return colour(".tray .trouble") === colour(".tray") &&
            said.left >= tray.left + 8 && said.right <= tray.right - 8 && said.bottom <= tray.bottom - 8;
        }"""
    )


def test_who_wants_no_motion_sees_progress_and_no_looks(window: Open, running: Prediction) -> None:
    alice = window(motion=False)
    alice.sign_in("alice")
    page = alice.open("/studio/")
    page.wait_for_selector(".tray")
    until(page, "!document.querySelector('.look')")
    show(running, 0.5, "green")
    until(page, "document.querySelector('.tray .progress-line').innerText.startsWith('50%')")
    assert page.query_selector(".look") is None


def test_without_scripts_the_newest_look_is_there_and_fits_a_phone(window: Open, running: Prediction) -> None:
    alice = window(width=390, scripts=False)
    alice.sign_in("alice")
    page = alice.open("/studio/")
    assert page.locator(".tray .look").get_attribute("src") == f"/p/{running.public_id}/preview?n=1"
    assert page.locator(".tray .look").evaluate("one => one.naturalWidth") == 64
    assert alice.sideways() == 0
