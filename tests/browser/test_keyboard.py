"""Everything on every page is reached by the keyboard alone, and seen to be reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Window
from tests.browser.pages import GUEST, MEMBER, PAGES, STAFF, make_scene, show

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Window]
# What others make has keys of its own.
OTHERS = ("API reader", "operator's desk", "upstreams", "list of the desk")

# What one can do something with but Tab does not come to, unless arrows do: within one group one of them is enough.
# And what shows nothing when it has the focus: no ring of its own, none of what it stands for, and no size.
FAULTS = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]';
  const seen = (one) => one.checkVisibility({checkOpacity: false, checkVisibilityCSS: true}) && !one.closest('[inert]');
  const said = (one) => one.outerHTML.replace(/\\s+/g, ' ').slice(0, 140);
  const ringed = (one) => {
    const style = getComputedStyle(one);
    return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  };
  const faults = [];
  for (const one of document.querySelectorAll(wanted)) {
    if (!seen(one) || one.disabled) continue;
    const group = one.closest('[role=toolbar], [role=radiogroup], [role=grid], [role=list], [data-keys], fieldset');
    const arrows = group && [...group.querySelectorAll(wanted)].some((other) => other.tabIndex >= 0 && seen(other));
    if (one.tabIndex < 0) {
      if (!arrows && !one.matches('[type=range]')) faults.push(`Tab does not come to ${said(one)}`);
      continue;
    }
    one.focus();
    if (document.activeElement !== one) { faults.push(`cannot have the focus: ${said(one)}`); continue; }
    const label = one.labels?.[0];
    const near = [one, one.nextElementSibling, label, label?.firstElementChild, label?.querySelector('span'),
                  one.parentElement, one.closest('.tile, .cell, .slot, .search, .frame, .dock')];
    // The ring of a slider is on its thumb, which scripts cannot ask.
    if (one.type === 'range') continue;
    if (!near.some((place) => place && ringed(place))) faults.push(`is not seen to have the focus: ${said(one)}`);
  }
  return faults;
}"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("viewer", [GUEST, MEMBER, STAFF], ids=["guest", "member", "staff"])
def test_everything_is_reached_by_the_keyboard_and_seen_to_be(window: Open, viewer: str) -> None:
    scene = make_scene()
    looking = window()
    if viewer:
        looking.sign_in(viewer)
    faults: list[str] = []
    for place in PAGES:
        if place.viewer == viewer and place.name not in OTHERS:
            show(looking, place, scene)
            # A key first: from then on the browser shows where the focus is.
            looking.page.keyboard.press("Tab")
            faults += [f"{place.name}: {fault}" for fault in looking.page.evaluate(FAULTS)]
    assert faults == []


def test_the_first_key_leads_past_the_bar(window: Open) -> None:
    make_scene()
    looking = window()
    page = looking.open("/gallery/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
