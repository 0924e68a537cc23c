"""Both desks with a month of made-up data: two themes, two languages, two widths; and the small pages beside them.

    script/screenshots --desks [FOLDER]

A real server on an empty installation that `manage.py demo` fills, a real Chromium. Without a folder they go to
docs/images.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser

from tests.screenshots.capture import ROOT, Server, photograph, window

# Address, theme, language, width, and the file that is written.
LOOKS = (
    ("/admin/operations/", "dark", "en-US", 1440, "operator-dark"),
    ("/admin/operations/?period=month", "light", "en-US", 1440, "operator-month-light"),
    ("/admin/operations/", "light", "zh-CN", 1440, "operator-light-zh"),
    ("/admin/operations/", "dark", "en-US", 390, "operator-phone"),
    ("/admin/moderation/", "dark", "en-US", 1440, "moderation-dark"),
    ("/admin/moderation/", "light", "zh-CN", 1440, "moderation-light-zh"),
    ("/admin/moderation/", "dark", "en-US", 390, "moderation-phone"),
    ("/admin/members/", "dark", "en-US", 1440, "members-dark"),
    ("/admin/house/", "light", "en-US", 1440, "house-rules-light"),
)


def take(browser: Browser, running: Server, data: Path, folder: Path) -> Iterator[Path]:
    """Fill the installation, then photograph its pages."""
    environment = {**os.environ, "DARKROOM_DATA": str(data)}
    # The server has its first administrator already; there is nobody else.
    subprocess.run(
        [sys.executable, "manage.py", "demo", "--force"], cwd=ROOT, env=environment, check=True, timeout=900
    )
    for address, theme, language, width, written in LOOKS:
        page = window(browser, running, theme, width, language)
        page.goto(f"{running.url}{address}")
        page.wait_for_timeout(600)
        yield photograph(page, folder, written)
        page.context.close()
