"""Keyset pages: rows that are made while a client walks appear nowhere twice, and none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import CharField, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from core import pagination
from core.http.json_body import is_unicode
from predictions.api_dialects.replicate import error_responses
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls

PAGE = 100
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
Row = TypeVar("Row", bound=Model)


def page(
    request: HttpRequest,
    rows: QuerySet[Row],
    urls: AbsoluteUrls,
    render: Callable[[Row], Any],
    *,
    time: str = "created_at",
    ascending: bool = False,
) -> dict[str, Any]:
    """One page of `rows`, newest first, with absolute `next` and `previous` that repeat the caller's filters."""
    size = _size(request)
    cursor = _read(request.GET.get("cursor"), str if isinstance(rows.model._meta.pk, CharField) else int)
    backwards = cursor is not None and cursor["d"] == "p"
    down = (not ascending) != backwards
    if cursor is not None:
        rows = rows.filter(_beyond(time, cursor, down))
    sign = "-" if down else ""
    found = list(rows.order_by(f"{sign}{time}", f"{sign}pk")[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    has_next = bool(found) and (more or backwards) if not backwards else bool(found)
    has_previous = bool(found) and (cursor is not None if not backwards else more)
    return {
        "next": _address(request, urls, found[-1], time, "n") if has_next else None,
        "previous": _address(request, urls, found[0], time, "p") if has_previous else None,
        "results": [render(row) for row in found],
    }


def parse_time(request: HttpRequest, name: str) -> datetime | None:
    """An RFC 3339 time among the filters. Raises Problem 400."""
    text = request.GET.get(name)
    if text is None:
        return None
    try:
        value = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        raise error_responses.bad_request(f"{name} is not a time such as 2026-01-31T12:00:00Z.")
    # No row is older or newer; a database cannot compare with every time that can be written.
    return min(max(value, _FIRST), _LAST)


def _size(request: HttpRequest) -> int:
    text = request.GET.get("limit")
    if text is None:
        return PAGE
    if not text.isascii() or not text.isdigit() or len(text) > 3 or not 1 <= int(text) <= PAGE:
        raise error_responses.bad_request(f"limit is a whole number from 1 to {PAGE}.")
    return int(text)


def _beyond(time: str, cursor: dict[str, Any], down: bool) -> Q:
    side = "lt" if down else "gt"
    return Q(**{f"{time}__{side}": cursor["t"]}) | Q(**{time: cursor["t"], f"pk__{side}": cursor["k"]})


def _address(request: HttpRequest, urls: AbsoluteUrls, row: Model, time: str, direction: str) -> str:
    moment: datetime = getattr(row, time)
    text = json.dumps({"t": moment.isoformat(), "k": row.pk, "d": direction}, separators=(",", ":"))
    query = {key: value for key, value in request.GET.items() if key != "cursor"}
    query["cursor"] = pagination.pack(text)
    return f"{urls.origin}{request.path}?{urlencode(query)}"


def _read(text: str | None, kind: type[int] | type[str]) -> dict[str, Any] | None:
    """What a cursor says. `kind`: of the rows' keys. Raises Problem 400 for one that we cannot have given."""
    if text is None:
        return None
    try:
        value = json.loads(pagination.unpack(text[:500]))
        moment, key, direction = parse_datetime(value["t"]), value["k"], value["d"]
        if moment is None or not _is_usable(moment) or direction not in ("n", "p"):
            raise ValueError
        if type(key) is not kind or (isinstance(key, int) and abs(key) >= 2**63):
            raise ValueError
        if isinstance(key, str) and ("\x00" in key or not is_unicode(key)):
            raise ValueError
        return {"t": moment, "k": key, "d": direction}
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        raise error_responses.bad_request("The cursor is not one that this server gave.") from None


def _is_usable(moment: datetime) -> bool:
    """Whether a database can compare with it, whatever its zone."""
    return moment.tzinfo is not None and _FIRST <= moment <= _LAST
