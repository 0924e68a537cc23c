"""CSV downloads, with cells escaped against formula injection. The only module that writes CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters that may begin a formula in a spreadsheet; some also take the full-width forms."""
_ROWS_PER_CHUNK = 200
"""Rows in one chunk of the stream: single lines cost more to send than to make."""

Cell = str | int | float | None


def cell(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would run as a formula. NUL becomes a blank.

    Also behind leading blanks, since spreadsheets may trim what they import.
    """
    flat = text.replace("\x00", " ")
    return (
        f"'{flat}" if flat.startswith(_DANGEROUS) or flat.lstrip(" \u00a0").startswith(_DANGEROUS) else flat
    )


class Number(str):
    """The digits of a number that we made, such as `-0.25`: not to be taken for a formula."""

    __slots__ = ()


def line(cells: Sequence[Cell]) -> str:
    """One line, in which every text but a `Number` is escaped."""
    buffer = io.StringIO()
    safe = [
        cell(value) if isinstance(value, str) and not isinstance(value, Number) else value for value in cells
    ]
    csv.writer(buffer, lineterminator="\r\n").writerow(safe)
    return buffer.getvalue()


def chunks(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A whole file in chunks, so that memory use does not grow with its length."""
    lines = [line(head)]
    for cells in rows:
        lines.append(line(cells))
        if len(lines) >= _ROWS_PER_CHUNK:
            yield "".join(lines)
            lines.clear()
    if lines:
        yield "".join(lines)


def download(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> StreamingHttpResponse:
    """A streamed CSV download under that name, which no cache keeps."""
    response = StreamingHttpResponse(chunks(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
