"""What a page does that its policies forbid, as the browser says."""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import Window

# Reported by the browser itself, whatever the console shows, also where a page's own scripts would swallow it.
LISTEN = """window.forbidden = []; document.addEventListener("securitypolicyviolation", event =>
  window.forbidden.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}`));"""
SETTLED = """async () => { await document.fonts.ready;
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))); }"""
POLICIES = ("Security Policy", "Permissions-Policy", "Permissions Policy", "Refused to")


class Listener:
    """Opens addresses one after the other and notes what the browser refuses there."""

    def __init__(self, window: Window) -> None:
        self.window, self.page, self.faults = window, window.page, list[str]()
        window.run_first(LISTEN)
        self.page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if any(words in message.text for words in POLICIES):
            self.faults.append(f"{self.page.url}: {message.text[:300]}")

    def settle(self) -> None:
        """Have the page come to rest, and note what it was refused."""
        self.page.evaluate(SETTLED)
        self.note()

    def note(self) -> None:
        """Note what the page has been refused so far."""
        self.faults += [f"{self.page.url}: {one}" for one in self.page.evaluate("window.forbidden")]
