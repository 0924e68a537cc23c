"""No page of the panel asks a browser for what its policy forbids; what the other pages ask for, test_pages.py sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import NoReverseMatch, reverse

from accounts.models import User
from tests.browser.conftest import Window
from tests.browser.pages import STAFF, make_scene
from tests.browser.policies import Listener

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]


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
