"""Pages of the guide: Markdown files in `docs/guide/` with live values filled in, as text, HTML and search results."""

from __future__ import annotations

import re
from functools import lru_cache

from django.conf import settings
from django.template import Context, Engine, Template
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from studio.guide import markdown_html
from studio.guide.live_values import Reader, values
from studio.guide.markdown_html import Rendered

LANGUAGES = ("en", "zh-hans")
FOLDER = settings.BASE_DIR / "docs" / "guide"
GROUPS = (
    (_("Start"), ("index", "replicate", "openai", "gateway")),
    (_("How it works"), ("predictions", "models", "files", "streaming", "webhooks", "repeats", "api")),
    (_("What to count on"), ("money", "limits", "errors")),
)
"""The table of contents: headings and the names of the pages below them, in reading order."""
NAMES = tuple(name for _heading, names in GROUPS for name in names)
MODEL = "_model"
"""The page of a model, one source for all."""

MOST_WORDS = 8
MOST_FOUND = 20
SNIPPET = 160
"""Characters shown of a text that matches."""
_CODE = re.compile(r"(?:^```.*?^```\n*)+", re.MULTILINE | re.DOTALL)
"""A run of code blocks."""
# Markdown escapes for itself. The sign stands for values about a model where the catalogue is empty.
_ENGINE = Engine(autoescape=False, string_if_invalid="…")


def address(name: str) -> str:
    """The path of a page."""
    return "/docs/" if name == "index" else f"/docs/{name}"


@lru_cache(maxsize=64)
def source(name: str, language: str) -> str:
    """The Markdown of a page. `::: code` in a translation stands for the next code blocks of the English page, so
    that samples can't differ between languages.
    """
    text = str((FOLDER / language / f"{name}.md").read_text(encoding="utf-8"))
    if language == "en":
        return text
    codes = iter(_CODE.findall(source(name, "en")))
    return re.sub("^::: code$", lambda _match: next(codes).rstrip(), text, flags=re.MULTILINE)


def title(name: str, language: str) -> str:
    """The heading of a page."""
    return source(name, language).partition("\n")[0].removeprefix("# ")


@lru_cache(maxsize=64)
def anchors(name: str) -> tuple[str, ...]:
    """The anchors of a page's headings: made of the English ones, so that links work in every language."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", source(name, "en")), re.MULTILINE)
    return tuple(re.sub(r"[^a-z0-9_]+", "-", heading.lower()).strip("-") for heading in headings)


def text(name: str, reader: Reader) -> str:
    """A page as Markdown with all values filled in."""
    with translation.override(reader.language):
        return str(_template(name, reader.language).render(Context(values(reader), autoescape=False)))


def html(name: str, reader: Reader) -> Rendered:
    """A page as HTML."""
    return markdown_html.render(text(name, reader), reader.language, anchors(name))


def search(query: str, reader: Reader) -> list[dict[str, str]]:
    """Address, page, heading and snippet of sections that contain every word; those with it in the heading first."""
    words = query.casefold().split()[:MOST_WORDS]
    found = [hit for name in NAMES for hit in _hits(name, words, html(name, reader))] if words else []
    found.sort(key=lambda hit: -sum(word in hit["heading"].casefold() for word in words))
    return found[:MOST_FOUND]


def _hits(name: str, words: list[str], page: Rendered) -> list[dict[str, str]]:
    return [
        {
            "address": address(name) + (f"#{section.anchor}" if section.level > 1 else ""),
            "page": page.title,
            "heading": section.heading,
            "snippet": _snippet(" ".join(section.text.split()), words),
        }
        for section in page.sections
        if all(word in f"{page.title} {section.heading} {section.text}".casefold() for word in words)
    ]


def _snippet(text: str, words: list[str]) -> str:
    """The part of a text around the first word that it contains."""
    places = [place for word in words if (place := text.casefold().find(word)) >= 0]
    start = max(0, min(places, default=0) - SNIPPET // 3)
    end = start + SNIPPET
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


@lru_cache(maxsize=64)
def _template(name: str, language: str) -> Template:
    return Template(source(name, language), engine=_ENGINE)
