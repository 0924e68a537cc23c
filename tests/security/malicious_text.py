"""Words that mean harm, the forms of pages to put them into, and a look at what pages make of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote_from_bytes, quote_plus

MARK = "zqx"
# Not longer than the shortest name may be, so that it is kept and shown.
MARKUP = f"\"'><img src={MARK} onerror={MARK}()>{MARK}{{{{7*7}}}}<script>{MARK}</script>"
# The first and the last letters of every plane, noncharacters and those for private use among them.
PLANES = "".join(chr(plane * 0x10000 + sign) for plane in range(17) for sign in (0x41, 0xFFFD, 0xFFFF))
_TURNED = "\u202e\u2066gnp.\u200b\u200f\ufeff\u061c\u2069\u202c\u00ad\u2028\u2029\x85\x1b[31m"
WORDS: dict[str, str] = {
    "markup": MARKUP,
    "signs": f"{MARK}{_TURNED}';--%s%(a)s{{0}}\r\nX-{MARK}: 1{PLANES}",
    "nul": f"{MARK}\x00{MARK}",
    "half": f"{MARK}\ud800\udfff\udc00{MARK}",
    "flood": MARK + ("z" + "\u0301" * 60) * 30,
    "number": "9" * 5000,
    "infinite": "1e999",
    "100 kB": f"{MARK} " * 25_000,
    "1 MB": MARK + "z" * 2**20,
}
HUGE = ("100 kB", "1 MB")
NUMBERS = ("number", "infinite")


def encoded(fields: list[tuple[str, str]]) -> str:
    """A form as browsers send it; halves of characters as the bytes that a hostile client would send."""
    return "&".join(f"{quote_plus(name)}={sent(value)}" for name, value in fields)


def sent(value: str) -> str:
    """A value as encoded in a form or a URL."""
    return quote_from_bytes(value.encode("utf-8", "surrogatepass"))


@dataclass
class Control:
    """A field of a form."""

    name: str
    kind: str
    value: str
    on: bool = True
    """Whether a browser would send it as the page gave it."""
    needed: bool = False
    """Whether the form is refused without it."""

    @property
    def is_text(self) -> bool:
        """Whether people type into it."""
        return self.kind in (
            "text",
            "search",
            "textarea",
            "password",
            "email",
            "url",
            "tel",
            "number",
            "date",
        )


@dataclass
class Form:
    """A form of a page."""

    action: str
    method: str
    controls: list[Control] = field(default_factory=list)

    def with_word(self, name: str, word: str) -> str:
        """What is sent with one field changed and the others as they were."""
        kept = [
            (one.name, "a hill" if one.needed and not one.value else one.value)
            for one in self.controls
            if one.on and one.name != name
        ]
        return encoded([*kept, (name, word)])


class Page(HTMLParser):
    """A page's forms, and what in it would run that a member wrote."""

    def __init__(self, html: str, address: str = "") -> None:
        super().__init__(convert_charrefs=True)
        self.address = address
        self.forms: list[Form] = []
        self.harm: list[str] = []
        self.invalid: set[str] = set()
        self._named: dict[str, Form] = {}
        self._loose: list[tuple[str, Control]] = []
        self._open: Form | None = None
        self._script = ""
        self._select: Control | None = None
        self._area: Control | None = None
        if f"{MARK}49" in html or f"${MARK}49" in html:
            self.harm.append("a template in a text was run")
        self.feed(html)
        self.close()
        for owner, control in self._loose:
            if owner in self._named:
                self._named[owner].controls.append(control)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = {name: value or "" for name, value in attrs}
        self._look(tag, had)
        if tag == "form":
            action = had.get("action") or had.get("hx-post") or self.address
            self._open = Form(action, had.get("method", "get").upper())
            self.forms.append(self._open)
            if "id" in had:
                self._named[had["id"]] = self._open
        elif tag in ("input", "textarea", "select", "button"):
            self._control(tag, had)
        elif tag == "option" and self._select is not None and ("selected" in had or not self._select.value):
            self._select.value = had.get("value", "")
        elif tag == "script":
            self._script = had.get("type", "text/javascript")

    def _control(self, tag: str, had: dict[str, str]) -> None:
        kind = (
            had.get("type", "text")
            if tag == "input"
            else had.get("type", "submit")
            if tag == "button"
            else tag
        )
        if "name" not in had:
            return
        if had.get("aria-invalid") == "true":
            self.invalid.add(had["name"])
        on = kind not in ("submit", "button", "file", "image") and (
            kind not in ("checkbox", "radio") or "checked" in had
        )
        one = Control(had["name"], kind, had.get("value", "on" if kind == "checkbox" else ""), on)
        one.needed = "required" in had or had["name"] == "prompt"
        if "form" in had:
            self._loose.append((had["form"], one))
        elif self._open is not None:
            self._open.controls.append(one)
        self._select = one if tag == "select" else self._select
        self._area = one if tag == "textarea" else self._area

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "script":
            self._script = ""
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data
        if MARK in data and self._script not in ("", "application/json", "application/ld+json"):
            self.harm.append(f"a script of theirs: {data[:60]}")

    def _look(self, tag: str, had: dict[str, str]) -> None:
        if MARK in tag or any(MARK in name for name in had):
            self.harm.append(f"an element of theirs: <{tag} {had}>")
        for name, value in had.items():
            runs = name.startswith(("on", "hx-on")) or name in ("style", "srcdoc")
            leads = name in ("href", "src", "action", "formaction") and (
                value.startswith(MARK) or value.lower().lstrip().startswith("javascript:")
            )
            if (runs and MARK in value) or leads:
                self.harm.append(f"an attribute of theirs: {name}={value[:60]}")


def harm(answer: Any) -> list[str]:
    """What an answer does that it should not, as HTML or as anything else."""
    if answer.streaming:
        return []
    faults = [f"a header of theirs: {name}" for name in answer.headers if MARK in name.lower()]
    faults += [f"a cookie of theirs: {name}" for name in answer.cookies if MARK in name.lower()]
    # What holds nothing that was sent is not read.
    if "text/html" in answer.get("Content-Type", "") and MARK.encode() in answer.content:
        faults += Page(_telling(answer.content.decode())).harm
    return faults


_QUOTED = r"""(?:[^<>"']|"[^"]*"|'[^']*')*>"""
_MARKUP = re.compile(
    rf"<!--.*?-->|<script\b{_QUOTED}.*?</script\s*>|</?[a-z]{_QUOTED}|<![a-z]{_QUOTED}", re.I | re.S
)
_TELLS = re.compile(f"{MARK}|javascript|&#", re.I)


def _telling(html: str) -> str:
    """The markup of a page that may contain submitted text: parsing all of it costs more than rendering it.

    The whole page where its markup is not as plain as ours.
    """
    if f"{MARK}49" in html:
        return html
    if "<" in _MARKUP.sub("", html):
        return html
    return "".join(found for found in _MARKUP.findall(html) if _TELLS.search(found))
