"""Pictures of the desk for docs/upstreams.md: an upstream that is added, fails, heals, and keys that are rotated.

    script/screenshots --upstreams [FOLDER]

A real server, two loopback upstreams (`tests/loopback_upstream`), and an operator's steps in a real Chromium. Each
picture is taken in both themes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.loopback_upstream.launcher import UpstreamProcess
from tests.loopback_upstream.settings import TOKEN
from tests.screenshots.capture import ROOT, SCHNELL, SDXL, Server, call, make_pictures, photograph, window

ENVIRONMENT = {
    "DARKROOM_UPSTREAM_PRIVATE": "127.0.0.1",
    "LOOPBACK_KEY": TOKEN,
}
HEALED_S = 150
THEMES = ("light", "dark")
HEALTH, ADD = "/admin/upstreams/", "/admin/predictions/upstream/add/"
WISHES = [(SDXL, "1024x768", f"a lighthouse at dusk, number {number}", number) for number in range(1, 6)]
LATER = [(SCHNELL, "1:1", f"a paper boat, number {number}", number) for number in range(1, 4)]


@dataclass
class AdminPages:
    """The running server, the folder of its data, and the operator's windows by theme."""

    server: Server
    data: Path
    windows: dict[str, Page]

    def open(self, address: str) -> None:
        """Show that page in every window."""
        for page in self.windows.values():
            page.goto(f"{self.server.url}{address}")

    def photograph(self, folder: Path, name: str, height: int, top: str = "") -> Iterator[Path]:
        """The page in both themes, so many pixels of it, from the first thing that `top` selects on."""
        for theme, page in self.windows.items():
            page.set_viewport_size({"width": 1440, "height": height})
            if top:
                page.locator(top).first.evaluate("part => part.scrollIntoView()")
            yield photograph(page, folder, f"{name}-{theme}")

    def manage(self, *words: str) -> str:
        """What `manage.py` prints about this server."""
        environment = {**os.environ, **ENVIRONMENT, "DARKROOM_DATA": str(self.data)}
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, timeout=120
        )
        return done.stdout.decode()

    def wait_until_one_rests(self, rests: bool) -> None:
        """Until the page on how the upstreams stand has a button to try a resting key, or has none any more."""
        page = self.windows[THEMES[0]]
        until = time.monotonic() + HEALED_S
        page.goto(f"{self.server.url}{HEALTH}")
        while bool(page.locator("[value=probe]").count()) != rests:
            if time.monotonic() > until:
                raise SystemExit(f"A key never came to {'rest' if rests else 'be used again'}.")
            time.sleep(0.5)
            page.goto(f"{self.server.url}{HEALTH}")


def take(browser: Browser, server: Server, data: Path, folder: Path) -> Iterator[Path]:
    """All the pictures, in the order of what happens."""
    windows = {theme: window(browser, server, theme, 1440, "en-US") for theme in THEMES}
    desk = AdminPages(server, data, windows)
    first, second = (UpstreamProcess(port, data, "--seconds", "0.4") for port in (8681, 8682))
    try:
        yield from _story(desk, first.start(), second.start(), folder)
    finally:
        first.kill()
        second.kill()


def _story(desk: AdminPages, first: UpstreamProcess, second: UpstreamProcess, folder: Path) -> Iterator[Path]:
    desk.open(ADD)
    for page in desk.windows.values():
        _fill(page, first)
    yield from desk.photograph(folder, "upstream-add", 1640)
    _save(desk.windows[THEMES[0]])
    desk.manage(
        "upstream", "gateway", "--url", second.url, "--key-env", "LOOPBACK_KEY", "--priority", "200",
        "--cost", f"{SDXL}=0.3", "--cost", f"{SCHNELL}=0.1", "--day-cap", "200",
    )  # fmt: skip
    desk.manage("upstream", "replicate", "--cost", f"{SDXL}=0.4", "--cost", f"{SCHNELL}=0.1")
    make_pictures(desk.server, WISHES)
    first.ask("/_faults", {"fault": "create-401"})
    first.ask("/_faults", {"fault": "account-401"})
    make_pictures(desk.server, LATER)
    desk.wait_until_one_rests(True)
    desk.open(HEALTH)
    yield from desk.photograph(folder, "upstreams-open", 900)
    first.forget_faults()
    # The sweep asks the harmless question by itself; nobody clicks.
    desk.wait_until_one_rests(False)
    make_pictures(desk.server, WISHES[:1])
    desk.open(HEALTH)
    yield from desk.photograph(folder, "upstreams", 1180)
    yield from _rotation(desk, folder)


def _fill(page: Page, service: UpstreamProcess) -> None:
    page.fill("#id_name", "replicate")
    page.fill("#id_url", service.url)
    page.fill("#id_day_cap", "500")
    page.fill("#id_keys-0-label", "main")
    page.fill("#id_keys-0-new_secret", TOKEN)


def _save(page: Page) -> None:
    page.click("[name=_save]")
    page.wait_for_url("**/admin/predictions/upstream/")


def _rotation(desk: AdminPages, folder: Path) -> Iterator[Path]:
    """A fresh key in front of the old one; then everything is encrypted with it, beside the running server."""
    keys = desk.data / "keys"
    keys.write_text(desk.manage("keys", "new") + keys.read_text(encoding="utf-8"), encoding="utf-8")
    part = "section:has-text('How their keys are encrypted')"
    desk.open(HEALTH)
    yield from desk.photograph(folder, "upstreams-keys-older", 400, part)
    print(desk.manage("keys", "rotate"), end="")
    desk.open(HEALTH)
    yield from desk.photograph(folder, "upstreams-keys-rotated", 400, part)
    # Both still work with the secrets that were encrypted anew.
    assert call(desk.server, "/v1/account")["username"]
    make_pictures(desk.server, LATER[:1])
