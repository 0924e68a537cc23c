"""No page of the panel asks a browser for what its policy forbids; what the other pages ask for, test_every_page.py
sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.models import User
from tests import factories
from tests.browser.conftest import Window
from tests.browser.page_list import STAFF, make_scene
from tests.browser.policy_violations import Listener
from tests.runner.sampling import one_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
LOADS_OR_RUNS = re.compile(r"src|href|action|style|on|x-|:|@|hx-")
LINK = re.compile(r"^(?!\w+:|//).*", re.DOTALL)
"""A URL of this server. Any other is kept with its scheme: `javascript:` is one."""
NONCE = re.compile(r"'nonce-[^']*'")
NUMBERS = re.compile(r"[0-9a-f]{8}[0-9a-f-]{24,28}|[0-9]+")


def pages_of(model: type[Model]) -> Iterator[tuple[str, str]]:
    """The panel's pages of one model, by name and address: its list, a new row, the first row, its history, its end."""
    begin = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    first = model._default_manager.order_by("pk").first()
    for name, arguments in (
        ("changelist", ()), ("add", ()), *((name, (first.pk,)) for name in ("change", "history", "delete") if first),
    ):  # fmt: skip
        try:
            yield f"{begin}_{name}", reverse(f"{begin}_{name}", args=arguments)
        except NoReverseMatch:
            continue


class Parts(HTMLParser):
    """What of a page can go against its policies: what it loads, styles and runs, and which elements have what.

    Numbers and keys are left out, and where a link leads: they distinguish two rows, not two pages.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("script", "style") else ""
        kind = dict(attrs).get("type") or ""
        self.found |= {f"<{tag} {kind}>", *(f"<{tag} {name}>" for name, _value in attrs)}
        for name, value in attrs:
            if LOADS_OR_RUNS.match(name):
                text = LINK.sub("", value or "") if tag in ("a", "form") else value or ""
                self.found.add(f"<{tag} {name}={NUMBERS.sub('0', text)}>")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.add(f"<{self._inside}> {NUMBERS.sub('0', data)}")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


@pytest.mark.timeout(600)
def test_no_page_of_the_panel_does_what_its_policy_forbids(window: Open) -> None:
    """A share of its pages is read; the browser opens each that has a part which none before it had."""
    make_scene()
    boss = User.objects.get(username=STAFF)
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=boss.pk))
    opened = window()
    opened.sign_in(STAFF)
    listener = Listener(opened)
    seen, tried = 0, set[str]()
    pages = [page for model in admin.site._registry for page in pages_of(model)]
    assert len(pages) > 100
    chosen = one_in(12, pages, lambda page: page[0])
    for _name, address in chosen:
        answer = client.get(address, follow=True)
        seen += answer.status_code == 200
        policy = NONCE.sub("", answer.headers["Content-Security-Policy"])
        parts = Parts(answer.content.decode()).found | {policy}
        if not parts <= tried:
            tried |= parts
            opened.open(address)
            listener.settle()
    assert listener.faults == []
    # The others are refused: most rows are nobody's to add or to change.
    assert seen > len(chosen) / 8
    assert [one for one in opened.complaints if "403" not in one] == []


def test_the_panels_own_scripts_run_under_its_policy(window: Open) -> None:
    factories.make_staff(STAFF)
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
