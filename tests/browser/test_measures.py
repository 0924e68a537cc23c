"""What holds on every page: it stays put while it loads, is light, quiet, and never wider than its window."""

from __future__ import annotations

import gzip
import itertools
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from accounts.models import User
from tests.browser.conftest import Window
from tests.browser.pages import GUEST, MEMBER, PAGES, STAFF, Place, make_scene, show

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
WIDTHS = (360, 390, 768, 1440, 2560)
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


class Inspector:
    """Looks at pages one after the other and notes what is not as it should be."""

    def __init__(self, window: Window) -> None:
        self.window, self.page = window, window.page
        self.faults: list[str] = []
        self.window.context.add_init_script(COUNT)
        self.tools = window.context.new_cdp_session(self.page)

    def _as_wide_as(self, width: int) -> None:
        self.tools.send("Emulation.setTouchEmulationEnabled", {"enabled": width < 640})
        self.page.set_viewport_size({"width": width, "height": 900})

    def look(self, place: Place, scene: dict[str, str]) -> None:
        """All measures of one page, at all widths."""
        for width in (1440, 390) if place.rows else (1440,):
            self._as_wide_as(width)
            self.window.complaints.clear()
            status = show(self.window, place, scene)
            self._note(place, status == place.status, f"answers {status}")
            shifted, shifters, seen = self.page.evaluate(SETTLED)
            self._note(place, shifted < place.shift, f"shifts by {shifted:.3f} at {width}: {shifters}")
            heavy = weight(seen)
            self._note(place, heavy <= place.heaviest, f"weighs {heavy / 1024:.0f} KiB")
        for width in WIDTHS:
            self._as_wide_as(width)
            wider = self.page.evaluate(SIDEWAYS)
            self._note(place, wider <= 0, f"is {wider} px wider than {width}")
        own = f"the server responded with a status of {place.status}"
        loud = [one for one in self.window.complaints if not (place.status >= 400 and own in one)]
        self._note(place, not loud, f"says {loud}")

    def _note(self, place: Place, fine: bool, what: str) -> None:
        if not fine:
            self.faults.append(f"{place.name}: {what}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("viewer", [GUEST, MEMBER, STAFF], ids=["guest", "member", "staff"])
def test_every_page_stays_put_is_light_quiet_and_no_wider_than_its_window(window: Open, viewer: str) -> None:
    scene = make_scene()
    looking = window()
    if viewer:
        looking.sign_in(viewer)
    inspector = Inspector(looking)
    for place in PAGES:
        if place.viewer == viewer:
            inspector.look(place, scene)
    assert not inspector.faults, "\n".join(inspector.faults)


# Streams that stay open as long as one listens: no pages, and nothing a test client gets to the end of.
STREAMS = {"live_events", "preview"}
APIS = ("v1/", "replicate/", "openai/", "api/", "admin/", "accounts/", "hooks/")


def routes(patterns: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Names and addresses, with their places open, of all that is no API and not somebody else's."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if route.startswith(("^", *APIS)):
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and pattern.name and pattern.name not in STREAMS:
            yield pattern.name, f"/{route}"


# What of the scene may stand in a place of an address, by the place's name.
FITTING = {
    "public_id": ("item", "published", "collection", "prediction"),
    "item_id": ("item", "published"),
    "collection_id": ("collection",),
    "token": ("shared", "shared_collection", "locked"),
    "username": ("username",),
    "owner": ("owner",),
    "name": ("name", "tag"),
    "number": ("comment",),
    "token_id": ("token",),
    "message_id": ("delivery",),
}


def filled(route: str, scene: dict[str, str]) -> Iterator[str]:
    """The address with all that fits in its places."""
    places = re.findall(r"<(?:\w+:)?(\w+)>", route)
    for chosen in itertools.product(*(FITTING.get(place, ("published",)) for place in places)):
        address = route
        for key in chosen:
            address = re.sub(r"<[^>]+>", scene[key], address, count=1)
        yield address


def test_every_page_is_in_the_list(transactional_db: None) -> None:
    call_command("catalogue", verbosity=0)
    scene = make_scene()
    listed = {
        resolve(place.path.format(**scene).split("?")[0]).url_name for place in PAGES if place.status == 200
    }
    client = Client()
    client.force_login(User.objects.get(username=MEMBER))
    missing = set()
    for name, route in routes(get_resolver().url_patterns):
        if name in listed:
            continue
        for address in filled(route, scene):
            answer = client.get(address)
            whole = answer.status_code == 200 and not answer.streaming
            if whole and answer.content[:200].lstrip().lower().startswith(b"<!doctype html"):
                missing.add(f"{name} ({address})")
                break
    assert missing == set()
