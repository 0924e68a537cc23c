"""No page asks a browser for what its policies forbid: of every page there is, and of the whole panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import NoReverseMatch, reverse

from accounts.models import User
from tests.browser.conftest import Window
from tests.browser.pages import GUEST, MEMBER, PAGES, STAFF, make_scene, show

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
# Told by the browser itself, whatever the console makes of it, also of what a page's own scripts would swallow.
LISTEN = """window.forbidden = []; document.addEventListener("securitypolicyviolation", event =>
  window.forbidden.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}`));"""
SETTLED = """async () => { await document.fonts.ready;
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))); return window.forbidden; }"""
POLICIES = ("Security Policy", "Permissions-Policy", "Permissions Policy", "Refused to")


class Listener:
    """Opens addresses one after the other and notes what the browser refuses there."""

    def __init__(self, window: Window) -> None:
        self.window, self.page, self.faults = window, window.page, list[str]()
        window.context.add_init_script(LISTEN)
        self.page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if any(words in message.text for words in POLICIES):
            self.faults.append(f"{self.page.url}: {message.text[:300]}")

    def settle(self) -> None:
        self.faults += [f"{self.page.url}: {one}" for one in self.page.evaluate(SETTLED)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("viewer", [GUEST, MEMBER, STAFF], ids=["guest", "member", "staff"])
def test_no_page_does_what_its_policies_forbid(window: Open, viewer: str) -> None:
    scene = make_scene()
    opened = window()
    if viewer:
        opened.sign_in(viewer)
    listener = Listener(opened)
    for place in PAGES:
        if place.viewer == viewer and not place.path.startswith("/errors/"):
            show(opened, place, scene)
            listener.settle()
    assert listener.faults == []


def addresses_of(model: type[Model]) -> Iterator[str]:
    """The panel's pages of one model: its list, a new row, and the first row with its history and its end."""
    begin = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    first = model._default_manager.order_by("pk").first()
    for name, arguments in (
        ("changelist", ()), ("add", ()), *((name, (first.pk,)) for name in ("change", "history", "delete") if first),
    ):  # fmt: skip
        try:
            yield reverse(f"{begin}_{name}", args=arguments)
        except NoReverseMatch:
            continue


@pytest.mark.timeout(900)
def test_no_page_of_the_panel_does_what_its_policy_forbids(window: Open) -> None:
    make_scene()
    boss = User.objects.get(username=STAFF)
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    opened = window()
    opened.sign_in(STAFF)
    listener = Listener(opened)
    seen = 0
    for model in admin.site._registry:
        for address in addresses_of(model):
            response = opened.page.goto(f"{opened.base}{address}")
            seen += bool(response and response.status == 200)
            listener.settle()
    assert listener.faults == []
    assert seen > 100
    assert [one for one in opened.complaints if "403" not in one] == []


def test_the_panels_own_scripts_run_under_its_policy(window: Open) -> None:
    make_scene()
    opened = window()
    opened.sign_in(STAFF)
    listener = Listener(opened)
    page = opened.open("/admin/gallery/item/")
    listener.settle()
    # Alpine has read the page: what it hides until then is there, and its names are known.
    assert page.evaluate("Boolean(window.Alpine && document.body._x_dataStack)")
    page.evaluate(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 1'; document.body.append(made)"
    )
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None, "a script that somebody wrote into the page does not run"
    listener.settle()
    assert listener.faults, "and the browser says so"
