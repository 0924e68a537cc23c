"""Request ids: bound to the log context of a request and of the work that it causes.

An id is received or made by the web server (`X-Request-Id`), stored in the row of each prediction that the request
made, and bound again wherever a process works on that row: log lines, upstream calls and webhooks carry it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import structlog

HEADER = "X-Request-Id"
MAX_LENGTH = 64


def current() -> str:
    """The id that is bound now; empty outside of requests and their work."""
    return str(structlog.contextvars.get_contextvars().get("request_id") or "")


def bound(request_id: str) -> AbstractContextManager[Any]:
    """Bind an id within a block; an empty one marks work that belongs to no request."""
    return structlog.contextvars.bound_contextvars(request_id=request_id)


def header() -> dict[str, str]:
    """The id as a header of a request to others; empty where there is none."""
    request_id = current()
    return {HEADER: request_id} if request_id else {}
