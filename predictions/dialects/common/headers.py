"""Request headers that mean the same in every dialect."""

from __future__ import annotations

import hashlib
import re

from django.http import HttpRequest

from predictions import repeats, submit
from predictions.validation import Fault

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_COUNT = re.compile(r"[0-9]{1,3}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def idempotency(request: HttpRequest) -> submit.Idempotency | None:
    """The caller's `Idempotency-Key` with the hash of what it came with. Raises submit.InvalidInput."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise submit.InvalidInput(
            [Fault("format", "Idempotency-Key", "Must be 1 to 255 printable characters")]
        )
    return submit.Idempotency(key, _digest(request))


def repeat(request: HttpRequest) -> repeats.Repeatable | None:
    """What a client that repeats by itself says of this try; None for all others, and where a key says more."""
    count = request.headers.get("X-Stainless-Retry-Count", "")
    if not _COUNT.fullmatch(count) or "Idempotency-Key" in request.headers:
        return None
    return repeats.repeatable(_digest(request), int(count))


def _digest(request: HttpRequest) -> str:
    return hashlib.sha256(request.path.encode() + b"\n" + request.body).hexdigest()


def patience(request: HttpRequest) -> float | None:
    """Seconds after which an answer would come too late for the caller, where it tells: its read time-out less two."""
    limit = request.headers.get("X-Stainless-Read-Timeout", "")
    return max(1.0, float(limit) - 2) if _SECONDS.fullmatch(limit) else None
