"""Markdown to HTML: headings with anchors, scrolling tables, highlighted code with a copy button, clients as tabs.

Raw HTML in the Markdown is escaped, never passed on. Tabs are radio buttons and CSS; they need no script.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

CLIENTS = {"bash": "curl", "python": "Python", "javascript": "JavaScript"}
"""Languages of code blocks that are shown side by side as tabs, and the tabs' labels."""
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_LINK = ' <a class="anchor" href="#{}" aria-label="{}">#</a>'
_TABLE = '<div class="scroll" tabindex="0" role="region" aria-label="{}"><table class="list">'
_SPAN = re.compile(r'<span class="(\w+)">([^<]*)</span>')
_COLOURED = re.compile("k[ndrc]?|ow|s[12abexih]?|dl|n[tav]|vi|m[if]?|c[1mh]?")
"""Token types that have a colour in guide.css; spans around all others would only bloat the page."""


@dataclass(frozen=True)
class Section:
    """A heading, its anchor, and the text below it up to the next one, without markup."""

    level: int
    heading: str
    anchor: str
    text: str


@dataclass(frozen=True)
class Rendered:
    """A page as HTML, in two parts: all before the first heading of level 2, and the rest."""

    title: str
    lead: str
    """The first paragraph, without markup."""
    opening: SafeString
    rest: SafeString
    sections: tuple[Section, ...]


@lru_cache(maxsize=256)
def render(text: str, language: str, anchors: tuple[str, ...]) -> Rendered:
    """The page. `anchors` are those of its headings, in order."""
    tokens = _MARKDOWN.parse(text)
    sections = tuple(_sections(tokens, anchors))
    with translation.override(language):
        html = _MARKDOWN.renderer.render(list(_blocks(tokens, iter(sections))), _MARKDOWN.options, {})
    opening, heading, rest = html.partition("<h2")
    title, lead = sections[0].heading, sections[0].text.partition("\n")[0]
    return Rendered(title, lead, mark_safe(opening), mark_safe(heading + rest), sections)  # noqa: S308


def _sections(tokens: Sequence[Token], anchors: Sequence[str]) -> Iterator[Section]:
    starts = [place for place, token in enumerate(tokens) if token.type == "heading_open"]
    for start, end, anchor in zip(starts, [*starts[1:], len(tokens)], anchors, strict=True):
        heading, *texts = [_plain(token) for token in tokens[start:end] if token.type == "inline"]
        yield Section(int(tokens[start].tag[1]), heading, anchor, "\n".join(texts))


def _plain(inline: Token) -> str:
    return "".join(child.content or (" " if "break" in child.type else "") for child in inline.children or [])


def _blocks(tokens: Sequence[Token], sections: Iterator[Section]) -> Iterator[Token]:
    """The tokens with anchors on headings, and tables and code as finished HTML."""
    for are_clients, group in itertools.groupby(tokens, lambda token: _language(token) in CLIENTS):
        if are_clients:
            yield _html(_code(list(group)))
            continue
        for token in group:
            if token.type == "heading_open":
                section = next(sections)
                token.attrSet("id", section.anchor)
            elif token.type == "heading_close" and section.level > 1:
                label = _("Link to “%(heading)s”") % {"heading": section.heading}
                yield _html(format_html(_LINK, section.anchor, label))
            elif token.type == "table_open":
                token = _html(format_html(_TABLE, _("Table")))
            elif token.type == "table_close":
                token = _html("</table></div>\n")
            elif token.type == "fence":
                token = _html(_code([token]))
            yield token


def _html(content: str) -> Token:
    return Token("html_block", "", 0, content=content)


def _language(token: Token) -> str:
    return (token.info.split() or ["text"])[0] if token.type == "fence" else ""


def _code(blocks: list[Token]) -> str:
    """One block of code, or the same request for several clients as tabs."""
    shown = [(name := _language(block), CLIENTS.get(name), _coloured(block, name)) for block in blocks]
    context = {"number": str((blocks[0].map or [0])[0]), "blocks": shown, "tabs": len(shown) > 1}
    return render_to_string("guide/_code.html", context)


def _coloured(token: Token, language: str) -> SafeString:
    lexer = get_lexer_by_name(language, stripnl=False)
    html = highlight(token.content.rstrip(), lexer, HtmlFormatter(nowrap=True)).rstrip("\n")
    return mark_safe(  # noqa: S308
        _SPAN.sub(lambda span: span.group(0 if _COLOURED.fullmatch(span.group(1)) else 2), html)
    )
