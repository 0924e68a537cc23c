"""Everything on a page is reached by the keyboard alone, and seen to be reached."""

from __future__ import annotations

from tests.browser.conftest import Window

# What others make has keys of its own.
OTHERS = ("API reader", "operator's desk", "upstreams", "list of the desk")

# What one can do something with but Tab does not come to, unless arrows do: within one group one of them is enough.
# And what shows nothing when it has the focus: no ring of its own, none of what it stands for, and no size.
_FAULTS = """() => {
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


def unreached(window: Window, name: str) -> list[str]:
    """What the keyboard does not come to in a page by its name, or comes to without a sign."""
    if name in OTHERS:
        return []
    # A key first: from then on the browser shows where the focus is.
    window.page.keyboard.press("Tab")
    return [f"{name}: {fault}" for fault in window.page.evaluate(_FAULTS)]
