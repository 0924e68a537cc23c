"""Checks of every page for every kind of viewer: all are loaded, and a sample of them gets all checks.

Each stays put while it loads, is light, quiet and never wider than its window (measures.py); what it does is within its
policies (policies.py). Of a share, axe-core finds nothing serious, in both themes (axe.py); the keyboard reaches
everything, and one sees that it does (keyboard.py). Others are loaded in Chinese and the light theme instead.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from accounts.models import User
from tests.browser import axe, keyboard
from tests.browser.conftest import Window
from tests.browser.page_list import GUEST, MEMBER, PAGES, STAFF, Place, make_scene, show
from tests.browser.page_metrics import NARROW, PHONE, WIDEST, WIDTH, Measures
from tests.browser.policy_violations import Listener
from tests.runner.sampling import one_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


def named(place: Place) -> str:
    return place.name


def in_chinese(place: Place) -> bool:
    """The guide is prose in one frame: its first page and one of its model pages represent it in Chinese."""
    return not place.name.startswith("guide, ") or place.name == "guide, a model"


def by_viewer(window: Window, places: Iterable[Place]) -> Iterator[Place]:
    """The pages, those of one viewer after the other; the window is its viewer's meanwhile."""
    listed = list(places)
    for viewer in (GUEST, MEMBER, STAFF):
        window.context.clear_cookies()
        if viewer:
            window.sign_in(viewer)
        yield from (place for place in listed if place.viewer == viewer)


class Walk:
    """Loads page after page in a window and runs the checks on each; the faults by check."""

    def __init__(self, window: Window, scene: dict[str, str]) -> None:
        self.window, self.scene = window, scene
        self.measures, self.policies = Measures(window), Listener(window)
        self.serious: list[str] = []
        self.unreached: list[str] = []

    def glance(self, place: Place) -> None:
        """The faults seen while a page loads, in the narrowest window."""
        self.measures.arrived(place, show(self.window, place, self.scene), NARROW)
        self.policies.note()
        self.measures.fits(place, (NARROW,))
        self.measures.quiet(place)

    def look(self, place: Place) -> None:
        """All that can be asked of a page; `axe.install` has been called."""
        self.measures.arrived(place, show(self.window, place, self.scene))
        self._have_read_by_axe(place)
        self.unreached += keyboard.unreached(self.window, place.name)
        self.policies.settle()
        if place.rows:
            self.measures.quiet(place)
            self.measures.widen(PHONE)
            self.measures.arrived(place, show(self.window, place, self.scene), PHONE)
        self.measures.fits(place)
        self.measures.quiet(place)

    def _have_read_by_axe(self, place: Place) -> None:
        # Fading in is no lack of contrast.
        self.window.page.emulate_media(reduced_motion="reduce")
        self.serious += axe.serious(self.window, place.name)
        if not in_chinese(place):
            self.window.page.emulate_media(color_scheme="light")
            found = axe.serious(self.window, place.name, ("color-contrast",))
            self.serious += [f"light, {one}" for one in found]
        self.window.page.emulate_media(color_scheme="dark", reduced_motion="no-preference")

    def faults(self) -> list[str]:
        """Each with the name of what was asked."""
        asked = {
            "measures": self.measures.faults,
            "policies": self.policies.faults,
            "axe": self.serious,
            "keyboard": self.unreached,
        }
        return [f"{name}: {fault}" for name, found in asked.items() for fault in found]


@pytest.mark.timeout(1800)
def test_every_page_is_quiet_readable_and_reached_by_the_keyboard(window: Open) -> None:
    """Each is loaded and measured once; a share of them is asked everything, whose reading takes longest."""
    scene = make_scene()
    chinese = one_in(12, filter(in_chinese, PAGES), named, of="Chinese")
    faults = faults_in_chinese(window(theme="light", language="zh-CN"), scene, chinese)
    looking = window(theme="dark")
    walk = Walk(looking, scene)
    asked = one_in(12, PAGES, named)
    walk.measures.widen(NARROW)
    for place in by_viewer(looking, (one for one in PAGES if one not in asked and one not in chinese)):
        walk.glance(place)
    # The others need not carry it.
    axe.install(looking)
    looking.page.emulate_media(reduced_motion="no-preference")
    walk.measures.widen(WIDTH)
    for place in by_viewer(looking, asked):
        walk.look(place)
    assert "\n".join([*walk.faults(), *faults]) == ""


def faults_in_chinese(looking: Window, scene: dict[str, str], places: list[Place]) -> list[str]:
    """What is wrong with the pages in Chinese and in the light theme: what axe-core says, their widths, the console."""
    measures = Measures(looking)
    axe.install(looking)
    found: list[str] = []
    for place in by_viewer(looking, places):
        status = show(looking, place, scene)
        found += [f"{place.name}: answers {status}"] if status != place.status else []
        found += axe.serious(looking, place.name, axe.TRANSLATED)
        measures.fits(place, (WIDEST, NARROW, WIDTH))
        measures.quiet(place)
    return [f"in Chinese: {fault}" for fault in found + measures.faults]


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


# Values of the scene for the parameters of URLs, by parameter name.
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
