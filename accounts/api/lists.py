"""Lists under `/api/`: pages by keyset, with the address of the next one."""

from __future__ import annotations

from rest_framework.request import Request


def next_url(request: Request, cursor: str) -> str | None:
    """The address of this list after `cursor`, with the same filters; None without a cursor."""
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
