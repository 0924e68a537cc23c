"""axe-core finds nothing serious on any page, in both themes and both languages; and dialogs are pages too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import axe_playwright_python
import pytest

from tests.browser.conftest import Window
from tests.browser.pages import GUEST, MEMBER, PAGES, STAFF, Place, make_scene, show

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
SERIOUS = {"serious", "critical"}
# What others make, and what they answer for: Swagger's reader and the administration's own frame.
OTHERS = {"API reader": ["#swagger-ui"]}
FOUND = """async ([left_out, rules]) => {
  const options = {resultTypes: ["violations"], ...(rules ? {runOnly: {type: "rule", values: rules}} : {})};
  const {violations} = await axe.run({exclude: left_out.map(one => [one])}, options);
  return violations.map(one => [one.impact, one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 160))]);
}"""


def serious(window: Window, name: str, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds of weight in the page as it stands; all of its rules, or these."""
    page = window.page
    # Through the debugger, past the content policy, which rightly lets no such script in.
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(f"() => {{ {AXE} }}")
    found = page.evaluate(FOUND, [OTHERS.get(name, []), rules])
    return [f"{name}: {rule} {nodes}" for impact, rule, nodes in found if impact in SERIOUS]


def look(window: Window, place: Place, scene: dict[str, str], *, both: bool) -> list[str]:
    """A page in its window's theme whole; with `both` the colours of the light theme too."""
    show(window, place, scene)
    found = serious(window, place.name)
    if both:
        window.page.emulate_media(color_scheme="light")
        found += [f"light, {one}" for one in serious(window, place.name, ["color-contrast"])]
        window.page.emulate_media(color_scheme="dark")
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("viewer", [GUEST, MEMBER, STAFF], ids=["guest", "member", "staff"])
def test_no_page_has_a_serious_fault(window: Open, viewer: str, language: str) -> None:
    scene = make_scene()
    looking = window(theme="dark" if language == "en-US" else "light", language=language)
    # Fading in is no lack of contrast.
    looking.page.emulate_media(reduced_motion="reduce")
    if viewer:
        looking.sign_in(viewer)
    faults: list[str] = []
    for place in PAGES:
        # The guide is prose in one frame: its first page and one of its models stand for it in Chinese.
        skipped = place.name.startswith("guide, ") and language != "en-US"
        if place.viewer == viewer and not (skipped and place.name != "guide, a model"):
            faults += look(looking, place, scene, both=language == "en-US")
    assert faults == []


OPENED: list[tuple[str, str, list[str]]] = [
    # name, address, what is clicked to open it
    ("publishing", "/library/{item}/", ["[data-opens=publish]"]),
    ("sharing", "/library/{item}/", ["[data-opens=share]"]),
    ("deleting for good", "/library/trash/", ["[data-opens=erase-all]"]),
    ("editing a collection", "/library/collections/{collection}/", ["[data-opens=edit]"]),
    ("its editors", "/library/collections/{collection}/", ["[data-opens=people]"]),
    ("sharing a collection", "/library/collections/{collection}/", ["[data-opens=share]"]),
    ("keys", "/library/", [".menu-button", "[data-opens=keys]"]),
    ("the menu", "/gallery/", [".menu-button"]),
]


@pytest.mark.timeout(300)
def test_no_dialog_has_a_serious_fault(window: Open) -> None:
    scene = make_scene()
    looking = window(theme="light")
    looking.page.emulate_media(reduced_motion="reduce")
    looking.sign_in(MEMBER)
    faults: list[str] = []
    for name, address, clicks in OPENED:
        looking.open(address.format(**scene))
        for selector in clicks:
            looking.page.click(selector)
        faults += serious(looking, name)
    assert faults == []


def test_axe_would_find_a_fault(window: Open) -> None:
    looking = window()
    page = looking.open("/")
    page.evaluate("document.body.append(document.createElement('button'))")
    assert any("button-name" in one for one in serious(looking, "home"))
