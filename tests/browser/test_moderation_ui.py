"""The moderation pages in a real browser: a report to its end, by keys alone, several at once, on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from gallery.models import Case, Item
from gallery.moderation import decisions
from gallery.social import abuse_reports
from gallery.social.abuse_reports import Reporter
from tests import factories
from tests.browser.conftest import Window, until
from tests.gallery.moderation.conftest import make_moderator
from tests.support.picture_items import picture_item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DESK = "/admin/moderation/"
Windows = Callable[..., Window]


@pytest.fixture
def people(window: Windows) -> dict[str, User]:
    """Who takes part; after the window, whose database it is."""
    return {
        "alice": factories.make_user("alice"),
        "jonas": factories.make_user("jonas", display_name="Jonas Ek"),
        "ada": make_moderator("ada"),
        "bea": make_moderator("bea"),
    }


def enter(windows: Windows, name: str, path: str = DESK, **how: object) -> Window:
    window = windows(**how)
    window.sign_in(name)
    window.open(path)
    return window


def reported(people: dict[str, User], many: int, reason: str = "copied") -> list[Case]:
    found = []
    for number in range(many):
        item = picture_item(people["alice"], f"picture {number}", visibility="public", seed=number)
        abuse_reports.report(item, Reporter(people["jonas"]), reason, "It is mine.")
        found.append(Case.objects.get(item=item))
    return found


def decided(page: object, case: Case) -> None:
    """Wait until its tile is darkened."""
    until(page, f"document.querySelector('#case-{case.pk}.done') !== null")  # type: ignore[arg-type]


def shown(page: object, case: Case) -> None:
    """Wait until the panel shows it."""
    until(page, f"document.querySelector('#panel [data-case]')?.dataset.case === '{case.pk}'")  # type: ignore[arg-type]


def test_report_case_hide_appeal_restore(window: Windows, people: dict[str, User]) -> None:
    item = picture_item(people["alice"], "an orange cat", visibility="public")
    reporter = enter(window, "jonas", f"/report/{item.public_id}/")
    reporter.page.check("input[value=copied]")
    reporter.page.fill("textarea[name=words]", "This is my picture from March.")
    reporter.page.locator("main form").last.locator("button").last.click()
    reporter.page.wait_for_url("**/gallery/")
    case = Case.objects.get()

    ada = enter(window, "ada")
    shown(ada.page, case)
    assert "This is my picture from March." in ada.page.inner_text("#panel")
    ada.page.keyboard.press("h")
    decided(ada.page, case)
    assert "1 hidden just now" in ada.page.inner_text("#mod-last")

    alice = enter(window, "alice", f"/library/{item.public_id}/")
    assert "A moderator hid this picture: copied work. Only you can see it." in alice.page.inner_text(".info")
    alice.page.click("#moderation a")
    alice.page.fill("textarea[name=words]", "The sketches are in my library.")
    alice.page.click("text=Send the appeal")
    alice.page.wait_for_selector("text=You appealed; a moderator will look at it.")

    bea = enter(window, "bea", f"{DESK}?tab=appeals")
    appeal = Case.objects.get(kind="appeal")
    shown(bea.page, appeal)
    assert "The sketches are in my library." in bea.page.inner_text("#panel")
    assert "You decided this yourself" not in bea.page.inner_text("#panel")
    bea.page.keyboard.press("a")
    decided(bea.page, appeal)

    alice.open(f"/gallery/{item.public_id}/")
    assert "an orange cat" in alice.page.inner_text("main")
    for one in (reporter, ada, alice, bea):
        assert one.complaints == []


def test_a_key_pressed_before_the_next_case_is_there_does_not_decide_the_one_before(
    window: Windows, people: dict[str, User]
) -> None:
    cases = reported(people, 2)[::-1]
    page = enter(window, "ada").page
    shown(page, cases[0])
    page.evaluate(
        "for (const key of ['ArrowRight', 'h'])"
        " document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))"
    )
    shown(page, cases[1])
    until(page, "!document.querySelector('#panel').hasAttribute('aria-busy')")
    page.keyboard.press("h")
    decided(page, cases[1])
    assert Case.objects.get(pk=cases[0].pk).decided_at is None


def test_moderation_by_the_keyboard_alone(window: Windows, people: dict[str, User]) -> None:
    cases = reported(people, 5)[::-1]
    moderation = enter(window, "ada")
    page = moderation.page
    shown(page, cases[0])
    page.keyboard.press("ArrowRight")
    shown(page, cases[1])
    page.keyboard.press("Space")
    until(page, "document.querySelector('#look').open")
    page.keyboard.press("Space")
    until(page, "!document.querySelector('#look').open")
    page.keyboard.press("a")
    decided(page, cases[1])
    shown(page, cases[2])
    # What was decided stays in its place, and the focus is on the next.
    assert page.evaluate("document.activeElement.closest('.case').dataset.case") == str(cases[2].pk)
    assert page.locator(".case").count() == 5
    page.keyboard.press("n")
    page.keyboard.type("ha")
    assert Case.objects.filter(decided_at__isnull=False).count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    until(page, "document.querySelector('#panel [data-asks]') !== null")
    page.keyboard.press("Escape")
    shown(page, cases[2])
    page.keyboard.press("z")
    shown(page, cases[1])
    until(page, "document.querySelector('.case.done') === null")
    assert not Case.objects.filter(decided_at__isnull=False).exists()
    page.keyboard.press("?")
    until(page, "document.querySelector('#keys').open")
    assert moderation.complaints == []


def test_several_at_once_and_back(window: Windows, people: dict[str, User]) -> None:
    cases = reported(people, 4)[::-1]
    moderation = enter(window, "ada")
    page = moderation.page
    shown(page, cases[0])
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    shown(page, cases[1])
    page.keyboard.press("x")
    assert page.inner_text("[data-chosen]") == "2 selected"
    page.keyboard.press("h")
    decided(page, cases[0])
    decided(page, cases[1])
    until(page, "document.querySelector('#mod-last').textContent.includes('2 hidden just now')")
    assert Item.objects.public().count() == 2
    page.keyboard.press("z")
    until(page, "document.querySelector('.case.done') === null")
    assert Item.objects.public().count() == 4
    assert moderation.complaints == []


def test_the_second_moderator_sees_who_was_first(window: Windows, people: dict[str, User]) -> None:
    [case] = reported(people, 1)
    moderation = enter(window, "bea")
    shown(moderation.page, case)
    decisions.decide(case.pk, people["ada"], decisions.Verdict("allow"))
    moderation.page.keyboard.press("h")
    moderation.page.wait_for_selector("text=Already decided by Ada: allowed.")
    assert Item.objects.public().count() == 1


def test_new_cases_are_announced_and_move_nothing(window: Windows, people: dict[str, User]) -> None:
    [case] = reported(people, 1)
    moderation = enter(window, "ada")
    shown(moderation.page, case)
    before = moderation.page.locator(f"#case-{case.pk}").bounding_box()
    reported(people, 1)
    # As the page does every fifteen seconds.
    moderation.page.evaluate(
        "htmx.ajax('GET', document.querySelector('#mod-news').getAttribute('hx-get'),"
        " {target: '#mod-news', swap: 'outerHTML'})"
    )
    moderation.page.wait_for_selector("#mod-news a")
    assert moderation.page.inner_text("#mod-news") == "1 new"
    assert moderation.page.locator(f"#case-{case.pk}").bounding_box() == before


def test_moderation_on_a_phone(window: Windows, people: dict[str, User]) -> None:
    cases = reported(people, 3)[::-1]
    moderation = enter(window, "ada", width=360)
    page = moderation.page
    shown(page, cases[0])
    assert moderation.sideways() == 0
    buttons = page.locator(".look-deeds .button")
    assert all((buttons.nth(n).bounding_box() or {})["height"] >= 52 for n in range(3))
    buttons.nth(1).tap()
    decided(page, cases[0])
    shown(page, cases[1])
    assert moderation.complaints == []


def test_moderation_without_scripts(window: Windows, people: dict[str, User]) -> None:
    cases = reported(people, 2)[::-1]
    moderation = enter(window, "ada", scripts=False)
    page = moderation.page
    page.click(".look-deeds [value=hide]")
    assert page.locator("#panel [data-case]").get_attribute("data-case") == str(cases[1].pk)
    page.click("#mod-last button")
    assert "1 decision taken back." in page.inner_text("#toasts")
    assert Item.objects.public().count() == 2
