"""A page of the guide (source, values, HTML), and the search over all pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from studio.guide import markdown_html, sources, table_of_contents
from studio.guide.markdown_html import Rendered
from studio.guide.placeholders import Reader, values

MOST_WORDS = 8
MOST_FOUND = 20
SNIPPET = 160
"""Characters shown of a text that matches."""


@dataclass(frozen=True)
class Found:
    """A search result."""

    address: str
    page: str
    heading: str
    snippet: str


def text(name: str, reader: Reader) -> str:
    """A page as Markdown with all placeholders filled in."""
    source = sources.markdown(name, reader.language)
    return sources.fill(source, values(sources.placeholders(source), reader))


def html(name: str, reader: Reader) -> Rendered:
    """A page as HTML."""
    return markdown_html.render(text(name, reader), reader.language, _anchors(name))


def _anchors(name: str) -> tuple[str, ...]:
    return markdown_html.anchors_of(sources.markdown(name, "en"))


def address(slug: str) -> str:
    """The path of a page."""
    return f"/docs/{slug}"


def search(query: str, reader: Reader) -> list[Found]:
    """Sections that contain every word of the query; those with it in the heading first."""
    terms = query.casefold().split()[:MOST_WORDS]
    if not terms:
        return []
    scored = sorted(_hits(terms, reader), key=lambda hit: hit[0])
    return [found for _score, found in scored[:MOST_FOUND]]


def _hits(terms: list[str], reader: Reader) -> Iterator[tuple[int, Found]]:
    for entry in table_of_contents.ENTRIES:
        page = html(entry.source, reader)
        for section in page.sections:
            head = f"{page.title} {section.heading.text}".casefold()
            whole = f"{head} {section.text.casefold()}"
            if not all(word in whole for word in terms):
                continue
            in_head = sum(word in section.heading.text.casefold() for word in terms)
            anchor = "" if section.heading.level == 1 else f"#{section.heading.anchor}"
            yield (
                -in_head,
                Found(
                    address(entry.slug) + anchor,
                    page.title,
                    section.heading.text,
                    _snippet(section.text, terms),
                ),
            )


def _snippet(text_: str, terms: list[str]) -> str:
    """The part of a text around the first search term."""
    flat = " ".join(text_.split())
    places = [place for word in terms if (place := flat.casefold().find(word)) >= 0]
    start = max(0, min(places, default=0) - SNIPPET // 3)
    part = flat[start : start + SNIPPET]
    return ("…" if start else "") + part + ("…" if start + SNIPPET < len(flat) else "")
