"""Whether a page stays put while it loads, is light, quiet, and never wider than its window."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders

from tests.browser.conftest import Window
from tests.browser.page_list import Place

# The last one is that in which pages are loaded.
WIDTHS = (390, NARROW := 360, 768, WIDEST := 2560, WIDTH := 1440)
PHONE = 390
# What browsers call good: asked of the narrowest window, where one button that comes late is a part of what is seen.
GOOD = 0.1
# Counts layout shifts from the first moment on; what follows a reader's own deed is not the page's fault.
COUNT = """window.shifted = 0; window.shifters = []; new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
    window.shifted += entry.value;
    for (const {node} of entry.sources) window.shifters.push((node?.outerHTML ?? node?.textContent ?? "").slice(0, 80));
  }
}).observe({type: "layout-shift", buffered: true});"""
SETTLED = """async () => { await document.fonts.ready;
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const seen = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return [window.shifted, window.shifters, seen.map(one => [one.name, one.initiatorType, one.decodedBodySize])]; }"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@cache
def on_the_wire(path: str) -> int:
    """What a file of our own costs as the server sends it: compressed, unless it is packed already."""
    file = finders.find(path.removeprefix("/static/"))
    if file is None:
        return 0
    body = Path(file).read_bytes()
    return min(len(body), len(gzip.compress(body, 9)))


def weight(seen: list[tuple[str, str, int]]) -> int:
    """Bytes of a page and of all it fetched, without pictures and films."""
    total = 0
    for address, why, size in seen:
        path = urlsplit(address).path
        if path.startswith("/static/"):
            packed = "/samples/" in path
            total += 0 if packed else on_the_wire(path) or size
        elif why in ("navigation", "fetch", "xmlhttprequest", "script", "link"):
            total += size
    return total


class Measures:
    """Measures pages one after the other and notes what is not as it should be."""

    def __init__(self, window: Window) -> None:
        self.window, self.page = window, window.page
        self.faults: list[str] = []
        window.run_first(COUNT)
        self.tools, self.touch, self.width = window.tools(), False, 0

    def widen(self, width: int) -> None:
        """Make the window so wide, with touch where it is a phone's."""
        if width == self.width:
            return
        self.width = width
        if (touch := width < 640) != self.touch:
            self.touch = touch
            self.tools.send("Emulation.setTouchEmulationEnabled", {"enabled": touch})
        self.page.set_viewport_size({"width": width, "height": 900})

    def arrived(self, place: Place, status: int, width: int = WIDTH) -> None:
        """What can be measured of a page that has just been loaded, in a window so wide."""
        self._note(place, status == place.status, f"answers {status}")
        shifted, shifters, seen = self.page.evaluate(SETTLED)
        limit = max(place.shift, GOOD) if width == NARROW else place.shift
        self._note(place, shifted < limit, f"shifts by {shifted:.3f} at {width}: {shifters}")
        heavy = weight(seen)
        self._note(place, heavy <= place.heaviest, f"weighs {heavy / 1024:.0f} KiB")

    def fits(self, place: Place, widths: tuple[int, ...] = WIDTHS) -> None:
        """The page in windows of these widths, of which the last is that of the next page."""
        for width in widths:
            self.widen(width)
            wider = self.page.evaluate(SIDEWAYS)
            self._note(place, wider <= 0, f"is {wider} px wider than {width}")

    def quiet(self, place: Place) -> None:
        """What the console heard of the page since this was last asked."""
        own = f"the server responded with a status of {place.status}"
        loud = [one for one in self.window.complaints if not (place.status >= 400 and own in one)]
        self.window.complaints.clear()
        self._note(place, not loud, f"says {loud}")

    def _note(self, place: Place, fine: bool, what: str) -> None:
        if not fine:
            self.faults.append(f"{place.name}: {what}")
