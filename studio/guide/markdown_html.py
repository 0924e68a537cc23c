"""Markdown to HTML: headings with anchors, scrolling tables, highlighted code, tabs and a copy button.

Raw HTML in the Markdown is escaped, never passed on. Tabs are radio buttons and CSS; they need no script.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

from django.templatetags.static import static
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

CLIENTS = {"bash": "curl", "python": "Python", "javascript": "JavaScript"}
"""Languages of code blocks that are shown side by side as tabs, and the tabs' labels."""
_SPAN = re.compile(r'<span class="(\w+)">([^<]*)</span>')
_COLOURED = re.compile("k[ndrc]?|ow|s[12abexih]?|dl|n[tav]|vi|m[if]?|c[1mh]?")
"""Token types that have a colour in guide.css; spans around all others would only bloat the page."""


@dataclass(frozen=True)
class Heading:
    """A heading of the page with its anchor."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Section:
    """The text under one heading, as plain text for the search."""

    heading: Heading
    text: str


@dataclass(frozen=True)
class Rendered:
    """A page as HTML. `lead` is its first paragraph as plain text."""

    title: str
    lead: str
    html: SafeString
    headings: tuple[Heading, ...]
    sections: tuple[Section, ...]

    @property
    def opening(self) -> SafeString:
        """All before the first heading of level 2."""
        return mark_safe(self.html.partition("<h2")[0])  # noqa: S308

    @property
    def rest(self) -> SafeString:
        """All from that heading on."""
        _, heading, rest = self.html.partition("<h2")
        return mark_safe(heading + rest)  # noqa: S308


@lru_cache(maxsize=256)
def render(text: str, language: str, anchors: tuple[str, ...] = ()) -> Rendered:
    """The page. `anchors`: those of the English headings, so that links work in every language."""
    with translation.override(language):
        tokens = _reader().parse(text)
        headings = _anchored(tokens, anchors)
        tokens = _grouped(tokens)
        html = _reader().renderer.render(tokens, _reader().options, {})
    title, rest = headings[0], tuple(headings[1:])
    sections = tuple(_sections(tokens, headings))
    return Rendered(title.text, sections[0].text.split("\n")[0], mark_safe(html), rest, sections)  # noqa: S308


@lru_cache(maxsize=64)
def anchors_of(text: str) -> tuple[str, ...]:
    """The anchors of the headings of an English text."""
    return tuple(heading.anchor for heading in _anchored(_reader().parse(text), ()))


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    for kind, rule in _RULES.items():
        reader.add_render_rule(kind, rule)
    return reader


def _anchored(tokens: Sequence[Token], anchors: tuple[str, ...]) -> list[Heading]:
    """Set each heading's anchor: the given ones in order, else a slug of its text."""
    found: list[Heading] = []
    for token, inline in itertools.pairwise(tokens):
        if token.type != "heading_open":
            continue
        words = _plain(inline)
        anchor = anchors[len(found)] if len(found) < len(anchors) else _slug(words)
        while any(anchor == other.anchor for other in found):
            anchor += "-2"
        token.attrSet("id", anchor)
        token.meta = {"words": words}
        found.append(Heading(int(token.tag[1]), words, anchor))
    return found


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", words.lower()).strip("-") or "part"


def _plain(inline: Token) -> str:
    return "".join(child.content or (" " if "break" in child.type else "") for child in inline.children or [])


def _grouped(tokens: Sequence[Token]) -> list[Token]:
    """Merge adjacent code blocks of different clients into one token with tabs; number all blocks."""
    grouped: list[Token] = []
    for number, token in enumerate(tokens):
        if token.type != "fence":
            grouped.append(token)
            continue
        token.meta = {"number": number}
        language = _language(token)
        last = grouped[-1] if grouped else None
        if language not in CLIENTS:
            grouped.append(token)
        elif last is not None and last.type == "clients" and language not in last.meta["blocks"]:
            last.meta["blocks"][language] = token
        else:
            block = Token("clients", "", 0, block=True)
            block.meta = {"blocks": {language: token}, "number": number}
            grouped.append(block)
    return grouped


def _language(token: Token) -> str:
    return (token.info.split() or ["text"])[0]


def _sections(tokens: Sequence[Token], headings: list[Heading]) -> list[Section]:
    texts: list[list[str]] = []
    skip = False
    for token in tokens:
        if token.type == "heading_open":
            texts.append([])
            skip = True
        elif token.type == "inline":
            if not skip and texts:
                texts[-1].append(_plain(token))
            skip = False
    return [Section(heading, "\n".join(text)) for heading, text in zip(headings, texts, strict=True)]


# -- Render rules
# ------------------------------------------------------------------------------------------------


def _heading_open(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f'<{tokens[at].tag} id="{escape(str(tokens[at].attrGet("id")))}">'


def _heading_close(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    opened = next(token for token in reversed(tokens[:at]) if token.type == "heading_open")
    tag = tokens[at].tag
    if tag == "h1":
        return "</h1>\n"
    anchor, words = escape(str(opened.attrGet("id"))), escape(opened.meta["words"])
    label = escape(_("Link to “%(heading)s”")) % {"heading": words}
    return f' <a class="anchor" href="#{anchor}" aria-label="{label}">#</a></{tag}>\n'


def _table_open(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(_("Table"))}"><table class="list">'


def _table_close(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _fence(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return _sample(tokens[at], "")


def _clients(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    blocks: dict[str, Token] = tokens[at].meta["blocks"]
    if len(blocks) == 1:
        ((language, block),) = blocks.items()
        return _sample(block, CLIENTS[language])
    name = f"clients-{tokens[at].meta['number']}"
    tabs = "".join(
        f'<input type="radio" name="{name}" id="{name}-{language}" value="{language}"{" checked" if first else ""}>'
        f'<label for="{name}-{language}">{CLIENTS[language]}</label>'
        for first, language in ((not place, language) for place, language in enumerate(blocks))
    )
    panes = "".join(
        f'<div class="pane" data-client="{language}">{_sample(block, "")}</div>'
        for language, block in blocks.items()
    )
    legend = f'<legend class="hush">{escape(_("Client"))}</legend>'
    return f'<fieldset class="clients">{legend}{tabs}{panes}</fieldset>\n'


def _sample(token: Token, label: str) -> str:
    language = _language(token)
    anchor = f"code-{token.meta['number']}"
    copied, copy = escape(_("Copied")), escape(_("Copy"))
    sprite = static("icons/sprite.svg")
    icon = f'<svg class="icon" width="16" height="16" aria-hidden="true"><use href="{sprite}#copy"/></svg>'
    name = f'<span class="client-name">{label}</span>' if label else ""
    return (
        f'<div class="snippet">{name}<pre class="code" id="{anchor}" tabindex="0"><code>'
        f"{_coloured(token.content.rstrip(), language)}</code></pre>"
        f'<button class="button small js-only" data-copy="#{anchor}" data-done="{copied}">{icon}'
        f"<span>{copy}</span></button></div>\n"
    )


def _coloured(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return escape(code)
    coloured = str(highlight(code, lexer, HtmlFormatter(nowrap=True))).rstrip("\n")
    return _SPAN.sub(lambda span: span.group(0 if _COLOURED.fullmatch(span.group(1)) else 2), coloured)


_RULES: dict[str, Any] = {
    "heading_open": _heading_open,
    "heading_close": _heading_close,
    "table_open": _table_open,
    "table_close": _table_close,
    "fence": _fence,
    "clients": _clients,
}
