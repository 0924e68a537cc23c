"""Paginated lists under `/api/`: keyset pages, newest first, with the URL of the next one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import pagination
from core.api.serializer_fields import BAD_CURSOR, Listed

Row = TypeVar("Row", bound=Model)


def page_query(query: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated filters of a list. Raises ValidationError (400), which names the wrong one."""
    # A plain dict: in a QueryDict an empty value would count as absent.
    serializer = query(data=request.query_params.dict())
    serializer.is_valid(raise_exception=True)
    # Without a cursor a list starts at its first row; an empty cursor is invalid, since none is issued.
    defaults = {"cursor": ""} if isinstance(serializer, Listed) else {}
    filters: dict[str, Any] = {**defaults, **serializer.validated_data}
    return filters


def page(rows: QuerySet[Row], query: dict[str, Any], *, time: str = "") -> pagination.Page[Row]:
    """One page of `rows`. `time`: the column that orders them, if not the id alone."""
    try:
        if time:
            return pagination.page_by_time(rows, time, query["cursor"], query["limit"])
        return pagination.page(rows, query["cursor"], query["limit"])
    except pagination.BadCursor:
        raise serializers.ValidationError({"cursor": [BAD_CURSOR]}) from None


def list_response(
    request: Request,
    rows: QuerySet[Row],
    query: dict[str, Any],
    render: Callable[[Row], Any],
    *,
    time: str = "",
) -> Response:
    """The response with one page of `rows`, each rendered."""
    result = page(rows, query, time=time)
    return Response({"results": [render(row) for row in result.rows], "next": next_url(request, result.next)})


def next_url(request: Request, cursor: str) -> str | None:
    """The URL of this list after `cursor`, with the same filters; None without a cursor."""
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


@cache
def page_of(name: str, row: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """The serializer of one page of such rows, for the OpenAPI document."""
    return inline_serializer(
        name,
        {
            "results": row(many=True),
            "next": serializers.URLField(
                allow_null=True, help_text="The address of the older rows; null at the end."
            ),
        },
    )


__all__ = ["BAD_CURSOR", "Listed", "list_response", "next_url", "page", "page_of", "page_query"]
