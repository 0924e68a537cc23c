"""The Chromium of this machine, and how it is started."""

from __future__ import annotations

import shutil

CHROMIUM = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
"""The first one is the same browser without the window that surrounds a page: it takes a third less of processor."""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium() -> str | None:
    """The path of an installed Chromium, or None."""
    return next(filter(None, (shutil.which(name) for name in CHROMIUM)), None)
