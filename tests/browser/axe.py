"""axe-core on the current page, and its serious findings."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python

from tests.browser.conftest import Window

SCRIPT = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
SERIOUS = {"serious", "critical"}
# What others make, and what they answer for: Swagger's reader and the administration's own frame.
OTHERS = {"API reader": ["#swagger-ui"]}
TRANSLATED = (
    # What has a name at all, and so one in this language.
    "area-alt", "aria-command-name", "aria-dialog-name", "aria-input-field-name", "aria-meter-name",
    "aria-progressbar-name", "aria-toggle-field-name", "aria-tooltip-name", "aria-treeitem-name", "button-name",
    "document-title", "frame-title", "image-alt", "input-button-name", "input-image-alt", "label", "link-name",
    "object-alt", "role-img-alt", "select-name", "summary-name", "svg-img-alt",
    # Which language it says it is in.
    "html-has-lang", "html-lang-valid", "html-xml-lang-mismatch", "valid-lang",
    # What longer or shorter words cover, push out of their box, or run together with.
    "color-contrast", "link-in-text-block", "scrollable-region-focusable",
)  # fmt: skip
"""The rules whose verdict can change with the language, or with the colours of the other theme.

The others ask for roles, states, structure: what the templates say alike in every language and theme.
"""
FOUND = """async ([left_out, rules]) => {
  const options = {resultTypes: ["violations"], ...(rules ? {runOnly: {type: "rule", values: rules}} : {})};
  const {violations} = await axe.run({exclude: left_out.map(one => [one])}, options);
  return violations.map(one => [one.impact, one.id, one.nodes.slice(0, 3).map(node => node.html.slice(0, 160))]);
}"""


def install(window: Window) -> None:
    """Inject it into every page opened from now on, which is faster than into each separately."""
    window.run_first(SCRIPT)


def serious(window: Window, name: str, rules: tuple[str, ...] = ()) -> list[str]:
    """The serious findings of axe-core in a page, by its name; with all of its rules, or these."""
    page = window.page
    # Through the debugger, past the content policy, which rightly lets no such script in.
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(f"() => {{ {SCRIPT} }}")
    found = page.evaluate(FOUND, [OTHERS.get(name, []), list(rules) or None])
    return [f"{name}: {rule} {nodes}" for impact, rule, nodes in found if impact in SERIOUS]
