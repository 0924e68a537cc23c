"""Pages that see what changed, in a real browser over a real stream: other tabs, other devices, a lost connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import User
from config.server.asgi_handler import LeanHandler
from gallery.library import trash
from gallery.live import poller
from gallery.models import Item
from predictions.catalogue import loader, lookup
from predictions.models import Phase, Prediction, Status
from predictions.waiting import held_response, waiters
from tests import factories
from tests.browser.conftest import Window, until
from tests.browser.test_journeys import finish
from tests.browser.test_preview_ui import show
from tests.config.server.conftest import Served
from tests.support.picture_items import many_items, picture_item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
UP = "document.documentElement.dataset.live === 'up'"
NOTE = """() => {
  window.told = [];
  for (const name of ["predictions", "items", "balance", "back"])
    document.addEventListener(`darkroom:${name}`, (event) => window.told.push([name, event.detail]));
}"""


@pytest.fixture
def streaming(window: Open, settings: Any) -> Iterator[Open]:
    """As `window`, against the server that people run, which can hold streams."""
    settings.WHITENOISE_USE_FINDERS = True
    poller.reset()
    handler = LeanHandler(threads=4)
    with Served(handler) as served:

        def open_window(**options: Any) -> Window:
            made = window(**options)
            made.base = f"http://127.0.0.1:{served.port}"
            return made

        yield open_window
    handler.threads.close()
    held_response.set_runner(None)
    waiters.reset()
    poller.reset()


def begun(user: User, prompt: str) -> Prediction:
    """A prediction at the provider, as another device would have asked for it."""
    version = lookup.find_version("stability-ai/sdxl")
    assert version is not None
    made = factories.make_prediction(
        user, version, status=Status.PROCESSING, phase=Phase.RUNNING, input={"prompt": prompt}
    )
    show(made, 0.1, "red")
    return made


def eventually(page: Any, true: Callable[[], bool]) -> None:
    """Wait until something is true on the server's side."""
    for _ in range(600):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("never true")


def one_stream() -> bool:
    return poller.reader().streams == 1


def test_what_is_made_elsewhere_appears_and_develops_and_nothing_else_is_touched(
    streaming: Open, alice: User
) -> None:
    loader.load()
    finish(begun(alice, "an old picture"))
    device = streaming(motion=True)
    device.sign_in("alice")
    page = device.open("/studio/")
    until(page, UP)
    page.wait_for_selector(".batch.succeeded .frame.done img")
    page.evaluate(
        """() => {
          window.old = document.querySelector(".batch.succeeded");
          window.touched = 0;
          new MutationObserver((records) => (window.touched += records.length))
            .observe(window.old, { subtree: true, childList: true, attributes: true, characterData: true });
        }"""
    )

    made = begun(alice, "a new lake")
    strip = f"#batch-{made.public_id}"
    page.wait_for_selector(f"#batches > {strip}:first-child .tray .look")
    page.evaluate(
        """(at) => {
          window.strip = document.querySelector(at);
          window.head = window.strip.querySelector("h2");
          // Making room for it moves things; nothing after that does.
          window.shifted = 0;
          new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifted += one.value; })
            .observe({ type: "layout-shift" });
        }""",
        strip,
    )
    show(made, 0.6, "blue")
    until(page, f"document.querySelector('{strip} .progress-line').innerText.startsWith('60%')")
    finish(made)
    page.wait_for_selector(f"{strip}.succeeded .frame.done img")

    assert page.evaluate(f"window.strip === document.querySelector('{strip}') && window.head.isConnected")
    assert page.evaluate("window.old.isConnected && window.touched") == 0
    assert page.locator(strip).count() == 1
    until(page, "document.getElementById('balance').innerText.startsWith('9')")
    assert page.evaluate("window.shifted") < 0.02

    # Thrown away in another tab, and brought back.
    item = Item.objects.get(output__prediction=made)
    trash.move(item.account, [item])
    page.wait_for_selector(f"{strip} .frame.trashed", state="attached")
    trash.restore(item.account, [item.public_id])
    page.wait_for_selector(f"{strip} .frame.done a.print img")
    assert page.evaluate("window.old.isConnected && window.touched") == 0
    assert device.complaints == []


def test_many_tabs_hold_one_stream_and_another_takes_it_over(streaming: Open, alice: User) -> None:
    device = streaming()
    device.sign_in("alice")
    first = device.open("/studio/")
    until(first, UP)
    others = [device.context.new_page() for _ in range(2)]
    for page in others:
        page.goto(f"{device.base}/account/")
        until(page, UP)
        page.evaluate(NOTE)
    # Not at once: on a busy machine a tab that answers late is taken for one that sleeps, and another takes over.
    eventually(first, one_stream)

    factories.give(alice, 5)
    for page in (first, *others):
        until(page, "document.querySelector('#balance b').textContent === '105.0'")

    for page in others:
        page.evaluate("window.told.length = 0")
    first.close()
    factories.give(alice, 5)
    for page in others:
        until(page, "document.querySelector('#balance b').textContent === '110.0'")
    eventually(others[0], one_stream)
    # It went on where the first one ended: nothing had to be read again.
    assert not others[0].evaluate("window.told.some(([name]) => name === 'back')")
    item = picture_item(alice, "a red lighthouse")
    for page in others:
        until(
            page,
            f"window.told.some(([name, told]) => name === 'items' && told.ids.includes('{item.public_id}'))",
        )


def test_a_lost_connection_is_said_and_what_happened_meanwhile_is_read(
    streaming: Open, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader.load()
    device = streaming()
    device.sign_in("alice")
    made = begun(alice, "a lake")
    page = device.open("/studio/")
    until(page, UP)
    page.evaluate(NOTE)

    device.context.set_offline(True)
    page.wait_for_selector("#offline", state="visible")
    finish(made)
    elsewhere = begun(alice, "from elsewhere")
    # The server, too, forgets all about the page.
    monkeypatch.setattr(poller, "LINGER_S", -1.0)
    until(page, "document.querySelector('.batch .tray') !== null")
    device.context.set_offline(False)

    page.wait_for_selector(f"#batch-{made.public_id}.succeeded .frame.done img")
    page.wait_for_selector(f"#batches > #batch-{elsewhere.public_id}:first-child")
    page.wait_for_selector("#offline", state="hidden")
    assert page.evaluate("window.told.some(([name]) => name === 'back')")


def test_other_pages_say_it_too(streaming: Open, alice: User) -> None:
    device = streaming(width=390)
    device.sign_in("alice")
    page = device.open("/library/")
    until(page, UP)

    device.context.set_offline(True)
    page.wait_for_selector("#offline-toast", state="visible")
    device.context.set_offline(False)
    page.wait_for_selector("#offline-toast", state="detached")
    until(page, UP)


def test_something_new_is_put_in_without_moving_what_is_read(streaming: Open, alice: User) -> None:
    device = streaming()
    device.sign_in("alice")
    page = device.open("/library/")
    until(page, UP)
    moved = page.evaluate(
        """async () => {
          const { insertQuietly } = await import("/static/js/live.js");
          const main = document.getElementById("content");
          for (let n = 0; n < 60; n += 1) main.append(Object.assign(document.createElement("p"), { textContent: n }));
          scrollTo(0, 600);
          const read = [...main.children].find((one) => one.getBoundingClientRect().top > 100);
          const before = read.getBoundingClientRect().top;
          insertQuietly(main, "<p id='came' style='height: 333px'>new</p>");
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          return read.getBoundingClientRect().top - before;
        }"""
    )
    assert abs(moved) < 1
    assert page.evaluate("document.getElementById('content').firstElementChild.id") == "came"
    eventually(page, one_stream)
    assert device.complaints == []


def test_the_sheet_stays_where_it_is_read_when_something_comes(streaming: Open, alice: User) -> None:
    loader.load()
    for number in range(4):
        finish(begun(alice, f"picture {number}"))
    device = streaming()
    device.sign_in("alice")
    page = device.open("/studio/")
    until(page, UP)
    until(page, "document.querySelectorAll('.frame.done img').length === 4")
    page.evaluate(
        """() => {
          document.getElementById("sheet").scrollBy({ top: -500, behavior: "instant" });
          window.read = document.querySelectorAll(".batch")[2];
          window.at = window.read.getBoundingClientRect().top;
        }"""
    )

    made = begun(alice, "a new one")

    page.wait_for_selector(f"#batch-{made.public_id} .tray", state="attached")
    assert abs(page.evaluate("window.read.getBoundingClientRect().top - window.at")) < 1


def test_what_another_tab_throws_away_leaves_the_library_quietly(streaming: Open, alice: User) -> None:
    items = many_items(alice, 60)
    device = streaming()
    device.sign_in("alice")
    page = device.open("/library/")
    until(page, UP)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    until(page, "document.querySelectorAll('.cell.picked').length === 2")
    page.evaluate(
        """() => {
          scrollTo({ top: 500, behavior: "instant" });
          window.read = [...document.querySelectorAll(".cell")].find((one) => one.getBoundingClientRect().top > 76);
          window.at = window.read.getBoundingClientRect().top;
        }"""
    )

    # The first row of all, one of the two that are chosen and has the focus among it.
    assert alice.account is not None
    trash.move(alice.account, items[1:7])

    until(page, f"!document.querySelector('.cell[data-id=\"{items[6].public_id}\"]')")
    assert page.evaluate("document.querySelectorAll('.cell.picked').length") == 1
    assert page.inner_text("[data-picked]") == "1 selected"
    assert page.evaluate("document.activeElement.closest('.cell').dataset.id") == items[7].public_id
    assert abs(page.evaluate("window.read.getBoundingClientRect().top - window.at")) < 2
    eventually(page, one_stream)
    assert device.complaints == []
