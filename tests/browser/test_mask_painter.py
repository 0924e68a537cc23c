"""The mask painter in a real browser: what is painted on the screen is what the model gets, to the pixel."""

from __future__ import annotations

import base64
import io
import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.template.loader import render_to_string
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from config.middleware.response_headers import PagePolicyMiddleware
from tests.browser.conftest import until

pytestmark = pytest.mark.browser
Grey = np.ndarray[Any, np.dtype[np.uint8]]
BASE = "http://darkroom.test"
STYLES = ("tokens", "base", "components", "pages", "mask")


class Bench:
    """A page with nothing but the painter, under the policy of our pages; its files come from the checkout."""

    def __init__(self, browser: Browser, width: int) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=width < 640)
        self.complaints: list[str] = []
        self.pictures: dict[str, bytes] = {}
        styles = "".join(f'<link rel="stylesheet" href="/static/css/{name}.css">' for name in STYLES)
        body = f'<button id="opener">Mask</button>{render_to_string("studio/_mask.html")}'
        self.html = f'<!doctype html><html lang="en">{styles}<body>{body}</body></html>'
        self.context.route("**/*", self._serve)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))

    def _serve(self, route: Route) -> None:
        path = route.request.url.removeprefix(BASE)
        if path == "/":
            policy = {"Content-Security-Policy": PagePolicyMiddleware._POLICY}
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8", headers=policy)
        elif path in self.pictures:
            route.fulfill(body=self.pictures[path], content_type="image/png")
        elif path.startswith("/static/"):
            file = Path(settings.BASE_DIR, path.lstrip("/"))
            route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file)[0])
        else:
            route.fulfill(status=204)

    def clean(self) -> Bench:
        """The page reloaded, without drafts."""
        self.complaints.clear()
        self.pictures.clear()
        self.page.goto(f"{BASE}/")
        self.page.evaluate("sessionStorage.clear()")
        return self

    def serve(self, name: str, body: bytes) -> str:
        """The address at which a picture lies from now on."""
        self.pictures[f"/{name}.png"] = body
        return f"/{name}.png"


@pytest.fixture(scope="module")
def benches(browser: Browser) -> Iterator[Callable[[int], Bench]]:
    """Benches by their width, each opened once."""
    opened: dict[int, Bench] = {}

    def bench(width: int) -> Bench:
        if width not in opened:
            opened[width] = Bench(browser, width)
        return opened[width].clean()

    yield bench
    for one in opened.values():
        one.context.close()


@pytest.fixture
def bench(benches: Callable[[int], Bench]) -> Bench:
    """The painter in a large window."""
    return benches(1440)


def picture(width: int, height: int) -> bytes:
    """A PNG whose left half is black and whose right half is white."""
    paper = Image.new("1", (width, height))
    paper.paste(1, (width // 2, 0, width, height))
    file = io.BytesIO()
    paper.save(file, "PNG", compress_level=1)
    return file.getvalue()


START = """([imageUrl, maskUrl, opener]) => { window.mask = undefined;
  document.getElementById(opener).focus();
  import("/static/js/mask.js").then(module => module.openMask({imageUrl, maskUrl, draftKey: "here"}))
    .then(blob => blob && new Response(blob).arrayBuffer())
    .then(bytes => { window.mask = bytes ? btoa(String.fromCharCode(...new Uint8Array(bytes))) : null; }); }"""


def start(page: Page, address: str, earlier: str = "", focus: str = "opener") -> None:
    """Open the painter on a picture, and perhaps an earlier mask, from what has the focus."""
    page.evaluate(START, [address, earlier, focus])
    page.wait_for_selector("#mask[data-state=ready]")


def taken(page: Page, width: int, height: int) -> Grey:
    """Use the mask: its bytes as the page got them, checked to be a grey PNG of the picture's size."""
    page.click("#mask [data-mask=use]")
    until(page, "typeof window.mask === 'string'")
    image = Image.open(io.BytesIO(base64.b64decode(page.evaluate("window.mask"))))
    image.load()
    assert (image.format, image.mode, image.size) == ("PNG", "L", (width, height))
    return np.asarray(image)


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the picture is seen in the window."""
    found = page.evaluate(
        """([x, y]) => { const image = document.querySelector(".mask-picture"), box = image.getBoundingClientRect();
        return [box.left + x * box.width / image.naturalWidth, box.top + y * box.height / image.naturalHeight]; }""",
        [x, y],
    )
    return found[0], found[1]


def drag(page: Page, *points: tuple[float, float]) -> None:
    """Press the mouse at the first pixel of the picture, go by the others, let go."""
    page.mouse.move(*on_screen(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*on_screen(page, *point))
    page.mouse.up()


def share(page: Page) -> str:
    """What the painter says is painted, once it shows the present state."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.inner_text("#mask [data-mask=share]")


def test_a_stroke_is_white_where_it_went_and_black_elsewhere(bench: Bench) -> None:
    page = bench.page
    start(page, bench.serve("lake", picture(600, 400)))
    use = page.locator("#mask [data-mask=use]")
    assert (use.inner_text(), use.get_attribute("aria-disabled")) == ("Paint what should change", "true")

    page.fill("#mask-size", "40")
    page.locator(".mask-stage").focus()
    drag(page, (150, 200), (300, 200), (450, 200))
    assert (use.inner_text(), use.get_attribute("aria-disabled")) == ("Use this mask", "false")
    radius = 20 / page.evaluate("document.querySelector('.mask-picture').getBoundingClientRect().width / 600")
    page.keyboard.press("e")
    drag(page, (300, 200))
    mask = taken(page, 600, 400)

    assert mask[200, 160] == mask[200, 440] == mask[int(200 - radius + 2), 230] == 255
    assert mask[200, 300] == 0
    assert not mask[: int(200 - radius - 2)].any()
    assert not mask[int(200 + radius + 3) :].any()
    assert page.evaluate("document.activeElement.id") == "opener"
    assert bench.complaints == []


def test_keys_alone_make_a_rectangle_and_take_steps_back(bench: Bench) -> None:
    page = bench.page
    start(page, bench.serve("lake", picture(400, 300)))
    page.keyboard.press("m")
    for name, value in {"left": 40, "top": 30, "width": 100, "height": 60}.items():
        page.focus(f"[name=mask-{name}]")
        page.keyboard.press("Control+A")
        page.keyboard.type(str(value))
    page.keyboard.press("Enter")
    assert share(page) == "5% painted"
    page.focus(".mask-stage")
    page.keyboard.press("i")
    assert share(page) == "95% painted"
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert share(page) == "0% painted"
    page.keyboard.press("Control+Shift+z")
    assert share(page) == "5% painted"

    # The ring is in the middle; a brush held down there follows it to the right.
    page.keyboard.press("b")
    page.keyboard.down("Space")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.up("Space")
    page.keyboard.press("Control+Enter")
    until(page, "typeof window.mask === 'string'")
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(page.evaluate("window.mask")))))
    assert (mask[30:90, 40:140] == 255).all()
    assert mask[150, 200] == mask[150, 240] == 255
    assert not mask[:30].any()
    assert not mask[90:100].any()
    assert not mask[150, :150].any()
    assert bench.complaints == []


def test_shapes_and_fills_paint_what_they_enclose(bench: Bench) -> None:
    page = bench.page
    start(page, bench.serve("lake", picture(400, 300)))
    page.keyboard.press("g")
    drag(page, (300, 150))
    assert share(page) == "50% painted"
    page.keyboard.press("m")
    page.keyboard.press("x")
    drag(page, (250, 50), (350, 250))
    page.keyboard.press("l")
    page.keyboard.press("x")
    drag(page, (20, 20), (120, 20), (120, 120), (20, 120))
    mask = taken(page, 400, 300)
    assert mask[150, 390] == mask[10, 210] == 255
    assert mask[150, 300] == 0
    assert mask[70, 70] == 255
    assert mask[70, 10] == mask[200, 100] == 0
    assert bench.complaints == []


TOUCH = """steps => { const stage = document.querySelector(".mask-stage"), box = stage.getBoundingClientRect();
  for (const [type, id, x, y] of steps) stage.dispatchEvent(new PointerEvent(type, {pointerId: id, pointerType: "touch",
    isPrimary: id === 11, button: type === "pointermove" ? -1 : 0, buttons: type === "pointerup" ? 0 : 1, pressure: 0.5,
    clientX: box.left + x, clientY: box.top + y, bubbles: true, cancelable: true})); }"""


def test_one_finger_paints_and_two_fingers_only_move_the_view(benches: Callable[[int], Bench]) -> None:
    bench = benches(390)
    page = bench.page
    start(page, bench.serve("lake", picture(400, 300)))
    seen = "document.querySelector('.mask-picture').getBoundingClientRect().width"
    width = page.evaluate(seen)
    pinch = [("pointerdown", 11, 150, 200), ("pointermove", 11, 148, 200), ("pointerdown", 12, 240, 200)]
    pinch += [("pointermove", 12, 330, 200), ("pointermove", 11, 60, 200)]
    page.evaluate(
        TOUCH, [*pinch, ("pointerup", 12, 330, 200), ("pointermove", 11, 90, 260), ("pointerup", 11, 90, 260)]
    )
    assert share(page) == "0% painted"
    assert page.evaluate(seen) > 1.5 * width
    assert page.get_attribute("#mask [data-mask=undo]", "aria-disabled") == "true"

    page.evaluate(
        TOUCH, [("pointerdown", 11, 150, 200), ("pointermove", 11, 250, 200), ("pointerup", 11, 250, 200)]
    )
    assert share(page) != "0% painted"
    small = """[...document.querySelectorAll("#mask button, #mask input[type=number]")].filter(one => {
      const box = one.getBoundingClientRect(); return box.width && Math.min(box.width, box.height) < 43.9; })
      .map(one => one.outerHTML)"""
    assert [one for one in page.evaluate(small) if 'type="number"' not in one] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert bench.complaints == []


def test_a_draft_outlives_a_reload_until_another_mask_is_there(bench: Bench) -> None:
    page = bench.page
    address = bench.serve("lake", picture(400, 300))
    start(page, address)
    drag(page, (100, 100), (300, 100))
    before = share(page)
    page.keyboard.press("Escape")
    until(page, "window.mask === null")
    page.reload()
    start(page, address)
    assert share(page) == before != "0% painted"
    page.keyboard.press("Escape")

    earlier = Image.new("L", (40, 30))
    earlier.paste(255, (20, 0, 40, 30))
    file = io.BytesIO()
    earlier.save(file, "PNG")
    start(page, address, bench.serve("earlier", file.getvalue()))
    mask = taken(page, 400, 300)
    assert mask[150, 380] == 255
    assert mask[150, 20] == mask[100, 150] == 0
    assert bench.complaints == []


def test_a_picture_of_forty_million_pixels_gets_a_mask_of_its_own_size(bench: Bench) -> None:
    page = bench.page
    start(page, bench.serve("wide", picture(8000, 5000)))
    page.keyboard.press("m")
    drag(page, (2000, 1000), (6000, 4000))
    mask = taken(page, 8000, 5000)
    assert (mask[1010:3990, 2010:5990] == 255).all()
    assert not mask[:990].any()
    assert not mask[:, 6010:].any()
    assert bench.complaints == []


def test_what_is_no_picture_is_said_and_nothing_is_made(bench: Bench) -> None:
    page = bench.page
    page.evaluate(START, [bench.serve("broken", b"<script>alert(1)</script>"), "", "opener"])
    page.wait_for_selector("#mask[data-state=failed] :text('This picture cannot be shown here')")
    page.keyboard.press("b")
    page.keyboard.press("Control+Enter")
    assert page.get_attribute("#mask [data-mask=use]", "aria-disabled") == "true"
    page.click("#mask [data-mask=close]")
    until(page, "window.mask === null")
