"""Pictures of the pages for the README: a real server, pictures made through the API, a real Chromium.

    script/screenshots [--upstreams | --pages | --desks] [FOLDER]

Starts `script/server` on a data folder of its own and an unused port, lets members make and publish pictures through
the API, and photographs home, gallery, item, library, mask painter, studio, phones and the administration. With
`--upstreams` it makes those of docs/upstreams.md instead (`tests.screenshots.upstreams`), with `--pages` forty of the
pages, to be looked at (`tests.screenshots.pages`), with `--desks` both desks with a month of made-up data
(`tests.screenshots.staff_pages`).
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
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

from tests.browser.chromium_binary import FLAGS, chromium

ROOT = Path(__file__).resolve().parents[2]
READY_S, PICTURES_S = 300, 900
LARGEST = 300_000
SD, SDXL = "stability-ai/stable-diffusion", "stability-ai/sdxl"
SCHNELL, DEV = "lucataco/flux-schnell-lora", "lucataco/flux-dev-lora"
# Page of `screenshots_pages`, theme, language, width, and the file that is written.
README = [
    ("home", "dark", "en-US", 1440, "home-dark"),
    ("gallery", "dark", "en-US", 1440, "gallery-dark"),
    ("gallery", "light", "en-US", 1440, "gallery-light"),
    ("gallery", "dark", "en-US", 390, "gallery-phone"),
    ("item", "dark", "en-US", 1440, "item-dark"),
    ("library", "light", "en-US", 1440, "library-light"),
    ("mask", "dark", "en-US", 1440, "mask-dark"),
    ("studio", "dark", "en-US", 1440, "studio-dark"),
    ("studio", "light", "zh-CN", 1440, "studio-light-zh"),
    ("studio", "dark", "en-US", 390, "studio-phone"),
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


def main(folder: Path | None, what: str = "") -> None:
    """Everything in turn; says what was written. `what` is empty, `--upstreams`, `--pages` or `--desks`."""
    from tests.screenshots import pages, staff_pages, upstreams

    path = chromium()
    if path is None:
        raise SystemExit("No Chromium found: install the package `chromium`.")
    folder = folder or (pages.FOLDER if what == "--pages" else ROOT / "docs" / "images")
    folder.mkdir(parents=True, exist_ok=True)
    more = upstreams.ENVIRONMENT if what == "--upstreams" else {}
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-pictures-") as data,
        server(Path(data), **more) as running,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        if what:
            others = {"--pages": pages, "--desks": staff_pages}.get(what, upstreams)
            pictures = others.take(browser, running, Path(data), folder)
        else:
            pictures = take(browser, running, Path(data), folder)
        for written in pictures:
            print(f"{written.relative_to(folder.parent)}  {written.stat().st_size // 1024} KB")
        browser.close()


def take(browser: Browser, running: Server, data: Path, folder: Path) -> Iterator[Path]:
    """Those of the README: of a house with members and life in it, and of the operator's desk."""
    from tests.screenshots import pages

    demo_site = pages.DemoSite(running, data)
    pages.people(demo_site)
    pages.live(demo_site)
    reach = {name: (without_account, how) for name, without_account, how in pages.PAGES}
    for name, theme, language, width, written in README:
        without_account, how = reach[name]
        page = (
            pages.visitor(browser, theme, language, width)
            if without_account
            else pages.window(browser, demo_site, theme, language, width)
        )
        how(page, demo_site)
        yield photograph(page, folder, written)
        if name == "studio":
            page.wait_for_selector("#batches .tray", state="detached", timeout=PICTURES_S * 1000)
        page.context.close()
    for theme, address, written in (
        ("light", "/admin/", "admin-light"),
        ("dark", "/admin/predictions/prediction/", "admin-predictions-dark"),
    ):
        page = window(browser, running, theme, 1440, "en-US")
        page.goto(f"{running.url}{address}")
        yield photograph(page, folder, written)
        page.context.close()
