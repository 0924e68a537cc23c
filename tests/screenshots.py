"""Pictures of the pages for the README: a real server, pictures made through the API, a real Chromium.

    script/screenshots [--upstreams | --pages] [FOLDER]

Starts `script/server` on a data folder of its own and an unused port, asks it for pictures over HTTP with the token
that it prints, publishes them through the pages, and photographs home, gallery, item, library, studio, a phone and the
administration. With `--upstreams` it makes those of docs/upstreams.md instead (`tests.screenshots_upstreams`),
with `--pages` forty of the pages, to be looked at (`tests.screenshots_pages`).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.installed import FLAGS, chromium

ROOT = Path(__file__).resolve().parent.parent
READY_S, PICTURES_S = 300, 900
LARGEST = 300_000
SD, SDXL = "stability-ai/stable-diffusion", "stability-ai/sdxl"
SCHNELL, DEV = "lucataco/flux-schnell-lora", "lucataco/flux-dev-lora"
# Model, shape, prompt, seed. The last are the newest, so they come first on the pages.
WISHES: list[tuple[str, str, str, int]] = [
    (SD, "768x512", "a desert at noon, sand dunes, clear sky", 11),
    (SCHNELL, "1:1", "an apple, still life, oil painting", 4),
    (SDXL, "1024x768", "a castle on a hill at sunset, watercolor", 4),
    (SCHNELL, "3:2", "a village in the snow at night, warm lights", 6),
    (SD, "512x768", "a pine forest under northern lights", 9),
    (SCHNELL, "1:1", "a panda in a bamboo forest", 2),
    (DEV, "21:9", "rolling hills with cherry trees, spring morning", 23),
    (SCHNELL, "4:5", "a pumpkin and autumn leaves", 3),
    (SDXL, "1024x640", "a city skyline at night, full moon", 17),
    (SCHNELL, "3:2", "an island in the sea, palm trees, blue sky", 19),
    (DEV, "4:5", "a snowman beside a small house in winter", 2),
    (SCHNELL, "4:3", "autumn trees beside a river, golden light", 14),
    (SCHNELL, "9:16", "a rocket flying to the moon, stars", 5),
    (SCHNELL, "3:2", "cherry trees by a river, spring morning", 7),
    (DEV, "3:4", "a whale under the stars, night sea", 15),
    (SCHNELL, "5:4", "日落时分的高山湖泊", 5),
    (SCHNELL, "3:4", "a lighthouse at dusk, waves", 4),
    (DEV, "16:9", "a sailing boat on a calm sea at sunset", 6),
    (DEV, "3:2", "a red balloon over a mountain lake at sunset, snowy peaks", 3),
]


@dataclass(frozen=True)
class Server:
    """A running server: its address, its administrator, an API token."""

    url: str
    name: str
    password: str
    token: str


@contextmanager
def server(data: Path, **more: str) -> Iterator[Server]:
    """`script/server` on a fresh data folder and a free port, with `more` variables, stopped at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = data / "server.log"
    environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1", "DARKROOM_DATA": str(data), **more}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(ROOT / "script" / "server")], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield _ready(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _ready(process: subprocess.Popen[bytes], log: Path) -> Server:
    """What the server prints on its first start."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        text = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None:
            raise SystemExit(f"The server ended before it was ready:\n{text[-2000:]}")
        url = re.search(r"^Darkroom is ready: (\S+)", text, re.M)
        admin = re.search(r"^Administrator: (\S+) (\S+)", text, re.M)
        token = re.search(r"Bearer (\w+)", text)
        if url and admin and token:
            return Server(url.group(1).rstrip("/"), admin.group(1), admin.group(2), token.group(1))
        time.sleep(0.2)
    raise SystemExit("The server did not become ready.")


def call(server: Server, path: str, body: dict[str, Any] | None = None) -> Any:
    """One JSON request to the API."""
    request = urllib.request.Request(
        f"{server.url}{path}",
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def make_pictures(server: Server, wishes: list[tuple[str, str, str, int]]) -> None:
    """Ask for all of them in order and wait until each has ended well."""
    asked = []
    for model, shape, prompt, seed in wishes:
        wish: dict[str, Any] = {"prompt": prompt, "seed": seed}
        if "x" in shape:
            wish["width"], wish["height"] = (int(side) for side in shape.split("x"))
        else:
            wish["aspect_ratio"] = shape
        asked.append(call(server, "/v1/predictions", {"version": model, "input": wish})["id"])
        wait_for(server, asked[-1])


def make_batch(server: Server) -> None:
    """Four pictures of one wish, for the studio's contact sheet."""
    wish = {"prompt": "a mountain lake at sunset", "num_outputs": 4, "aspect_ratio": "3:2", "seed": 1}
    wait_for(server, call(server, "/v1/predictions", {"version": DEV, "input": wish})["id"])


def wait_for(server: Server, prediction: str) -> None:
    """Until a prediction has succeeded."""
    until = time.monotonic() + PICTURES_S
    while time.monotonic() < until:
        state = call(server, f"/v1/predictions/{prediction}")
        if state["status"] == "succeeded":
            return
        if state["status"] not in ("starting", "processing"):
            raise SystemExit(f"A picture could not be made: {state['error']}")
        time.sleep(0.3)
    raise SystemExit("The pictures took too long.")


def window(browser: Browser, server: Server, theme: str, width: int, language: str) -> Page:
    """A window of that theme, width and language, signed in as the administrator."""
    height = 844 if width < 640 else 900
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        locale=language,
        has_touch=width < 640,
    )  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{server.url}/accounts/login/")
    page.fill("[name=login]", server.name)
    page.fill("[name=password]", server.password)
    page.click("main form button")
    page.wait_for_url("**/studio/")
    return page


def publish(page: Page, server: Server, every: int = 1) -> list[str]:
    """Publish own pictures through their pages, oldest first; returns their ids, newest first."""
    page.goto(f"{server.url}/library/")
    ids = [
        str(address).rstrip("/").rsplit("/", 1)[-1]
        for address in page.eval_on_selector_all(".rows a.tile", "links => links.map(link => link.href)")
    ]
    for public_id in reversed(ids[::every]):
        page.goto(f"{server.url}/library/{public_id}/")
        page.click("[data-opens=publish]")
        page.check("#publish [name=show_prompt]")
        page.click("#publish .primary")
        page.wait_for_selector(".badge.accent")
    return ids


def photograph(page: Page, folder: Path, name: str) -> Path:
    """A picture of the window below 300 KB: 256 well-chosen colours, and smaller where that is not enough."""
    # Through the debugger: Playwright's own wait evaluates text inside the page, which our content policy forbids.
    for _ in range(200):
        if page.evaluate("[...document.images].every(i => i.complete || i.loading === 'lazy')"):
            break
        page.wait_for_timeout(50)
    page.evaluate("document.querySelectorAll('.toast').forEach(toast => toast.remove())")
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    path = folder / f"{name}.png"
    taken = pyvips.Image.new_from_buffer(page.screenshot(), "")
    scale = 1.0
    while True:
        shown = taken.resize(scale) if scale < 1 else taken
        shown.pngsave(str(path), palette=True, Q=95, dither=1.0, effort=8, compression=9)
        if path.stat().st_size <= LARGEST:
            return path
        scale *= 0.92


def developing(page: Page, server: Server) -> None:
    """Ask for a batch in the studio and wait until it shows its progress."""
    page.goto(f"{server.url}/studio/?model={DEV}")
    page.click(".shapes span:has-text('4:5')")
    page.click(".kind-segmented span:text-is('4')")
    page.fill("#prompt", "a red balloon over green hills at sunset")
    page.click("#make")
    page.wait_for_selector(".tray .progress-line b:text-matches('^[3-9][0-9]%')", timeout=60_000)


def main(folder: Path | None, what: str = "") -> None:
    """Everything in turn; says what was written. `what` is empty, `--upstreams` or `--pages`."""
    from tests import screenshots_pages, screenshots_upstreams

    path = chromium()
    if path is None:
        raise SystemExit("No Chromium found: install the package `chromium`.")
    folder = folder or (screenshots_pages.FOLDER if what == "--pages" else ROOT / "docs" / "images")
    folder.mkdir(parents=True, exist_ok=True)
    more = screenshots_upstreams.ENVIRONMENT if what == "--upstreams" else {}
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-pictures-") as data,
        server(Path(data), **more) as running,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        if what:
            others = screenshots_pages if what == "--pages" else screenshots_upstreams
            pictures = others.take(browser, running, Path(data), folder)
        else:
            pictures = take(browser, running, folder)
        for written in pictures:
            print(f"{written.relative_to(folder.parent)}  {written.stat().st_size // 1024} KB")
        browser.close()


def take(browser: Browser, running: Server, folder: Path) -> Iterator[Path]:
    """All the pictures."""
    make_pictures(running, WISHES)
    dark = window(browser, running, "dark", 1440, "en-US")
    newest = publish(dark, running)[0]
    light = window(browser, running, "light", 1440, "en-US")
    chinese = window(browser, running, "light", 1440, "zh-CN")
    phone = window(browser, running, "dark", 390, "en-US")
    visitor = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark").new_page()
    places = [
        (visitor, "/", "home-dark"),
        (dark, "/gallery/", "gallery-dark"),
        (light, "/gallery/", "gallery-light"),
        (dark, f"/library/{newest}/", "item-dark"),
        (light, "/library/", "library-light"),
        (phone, "/gallery/", "gallery-phone"),
        (light, "/admin/", "admin-light"),
        (dark, "/admin/predictions/prediction/", "admin-predictions-dark"),
    ]
    for page, address, name in places:
        page.goto(f"{running.url}{address}")
        yield photograph(page, folder, name)
    make_batch(running)
    developing(dark, running)
    yield photograph(dark, folder, "studio-dark")
    chinese.goto(f"{running.url}/studio/?model={DEV}")
    yield photograph(chinese, folder, "studio-light-zh")
    dark.wait_for_selector("#batches > .batch.succeeded:first-child", timeout=PICTURES_S * 1000)
    phone.goto(f"{running.url}/studio/")
    yield photograph(phone, folder, "studio-phone")


if __name__ == "__main__":
    options = [word for word in sys.argv[1:] if word.startswith("--")]
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    main(Path(words[0]) if words else None, options[0] if options else "")
