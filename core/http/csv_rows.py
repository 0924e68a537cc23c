"""CSV downloads whose cells no spreadsheet runs as a formula. The one place that escapes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from django.http import StreamingHttpResponse

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the beginning of a formula, in full width too, which some fold to the same."""
_TOGETHER = 200
"""Rows that are sent in one piece: a stream of single lines costs more to send than to make."""

Cell = str | int | float | None


def cell(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would run as a formula. NUL is a blank.

    Blanks in front do not hide it: spreadsheets that trim what they import would find it behind them.
    """
    flat = text.replace("\x00", " ")
    return (
        f"'{flat}" if flat.startswith(_DANGEROUS) or flat.lstrip(" \u00a0").startswith(_DANGEROUS) else flat
    )


class Number(str):
    """The digits of a number that we made, such as `-0.25`: not to be taken for a formula."""

    __slots__ = ()


def line(cells: Sequence[Cell]) -> str:
    """One line in which a `Number` is left as it is and every other text is made safe."""
    buffer = io.StringIO()
    safe = [
        cell(value) if isinstance(value, str) and not isinstance(value, Number) else value for value in cells
    ]
    csv.writer(buffer, lineterminator="\r\n").writerow(safe)
    return buffer.getvalue()


def pieces(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A whole file, piece by piece, so that memory stays flat however long it is."""
    kept = [line(head)]
    for cells in rows:
        kept.append(line(cells))
        if len(kept) >= _TOGETHER:
            yield "".join(kept)
            kept.clear()
    if kept:
        yield "".join(kept)


def download(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> StreamingHttpResponse:
    """The answer that downloads such a file under that name, streamed and kept by nobody on the way."""
    response = StreamingHttpResponse(pieces(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
