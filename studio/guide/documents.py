"""One page of the documentation, put together: source, values, HTML, neighbours; and the search over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from studio.guide import markdown_html, sources, table_of_contents
from studio.guide.markdown_html import Rendered
from studio.guide.placeholders import Reader, values

MOST_WORDS = 8
MOST_FOUND = 20
SNIPPET = 160
"""Characters of a found text that are shown."""


@dataclass(frozen=True)
class Found:
    """One place that a search found."""

    address: str
    page: str
    heading: str
    snippet: str


def text(name: str, reader: Reader) -> str:
    """A page as Markdown with everything filled in."""
    source = sources.markdown(name, reader.language)
    return sources.filled(source, values(sources.placeholders(source), reader))


def html(name: str, reader: Reader) -> Rendered:
    """A page as HTML."""
    return markdown_html.render(text(name, reader), reader.language, _anchors(name))


def _anchors(name: str) -> tuple[str, ...]:
    return markdown_html.anchors_of(sources.markdown(name, "en"))


def address(slug: str) -> str:
    """The path of a page."""
    return f"/docs/{slug}"


def search(query: str, reader: Reader) -> list[Found]:
    """The places that hold every word of the query: those whose heading does first."""
    wanted = query.casefold().split()[:MOST_WORDS]
    if not wanted:
        return []
    scored = sorted(_hits(wanted, reader), key=lambda hit: hit[0])
    return [found for _score, found in scored[:MOST_FOUND]]


def _hits(wanted: list[str], reader: Reader) -> Iterator[tuple[int, Found]]:
    for entry in table_of_contents.ENTRIES:
        page = html(entry.source, reader)
        for section in page.sections:
            head = f"{page.title} {section.heading.text}".casefold()
            whole = f"{head} {section.text.casefold()}"
            if not all(word in whole for word in wanted):
                continue
            in_head = sum(word in section.heading.text.casefold() for word in wanted)
            anchor = "" if section.heading.level == 1 else f"#{section.heading.anchor}"
            yield (
                -in_head,
                Found(
                    address(entry.slug) + anchor,
                    page.title,
                    section.heading.text,
                    _snippet(section.text, wanted),
                ),
            )


def _snippet(words: str, wanted: list[str]) -> str:
    """The part of a text around the first word that was asked for."""
    flat = " ".join(words.split())
    places = [place for word in wanted if (place := flat.casefold().find(word)) >= 0]
    start = max(0, min(places, default=0) - SNIPPET // 3)
    part = flat[start : start + SNIPPET]
    return ("…" if start else "") + part + ("…" if start + SNIPPET < len(flat) else "")
