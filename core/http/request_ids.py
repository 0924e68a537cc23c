"""Request ids: bound to the log's context and carried on by the work that a request leads to.

An id begins at the edge (`X-Request-Id`, received or made), stands in the row of each prediction that the request made,
and is bound again wherever a process takes that row up: every log line, call to an upstream and webhook bears it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import structlog

HEADER = "X-Request-Id"
LONGEST = 64


def current() -> str:
    """The id that is bound now; empty outside of any request and work."""
    return str(structlog.contextvars.get_contextvars().get("request_id") or "")


def bound(request_id: str) -> AbstractContextManager[Any]:
    """Bind an id for the time of a block; an empty one says that what is done is for no request."""
    return structlog.contextvars.bound_contextvars(request_id=request_id)


def header() -> dict[str, str]:
    """The id as a header of a request to others; empty where there is none."""
    found = current()
    return {HEADER: found} if found else {}
