"""Request headers with the same meaning in every dialect: idempotency key, retry count, client timeout."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from django.http import HttpRequest

from predictions.submit import refusals, replays, work_request
from predictions.submit.validation import Fault

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_COUNT = re.compile(r"[0-9]{1,3}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def retry_identity(
    request: HttpRequest, digest: Callable[[], str] | None = None
) -> work_request.RetryIdentity:
    """How a retry of this create is recognised. Raises refusals.InvalidInput for a malformed key.

    By the caller's `Idempotency-Key`, or else by the retry count of a client that retries automatically; neither for
    all others. `digest` returns the hash of the request, 64 hex digits, where it is not that of the body's bytes.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None:
        if not _KEY.fullmatch(key):
            raise refusals.InvalidInput(
                [Fault("format", "Idempotency-Key", "Must be 1 to 255 printable characters")]
            )
        return work_request.RetryIdentity(
            work_request.Idempotency(key, digest() if digest else _digest(request))
        )
    count = request.headers.get("X-Stainless-Retry-Count", "")
    if not _COUNT.fullmatch(count):
        return work_request.RetryIdentity()
    return work_request.RetryIdentity(
        repeatable=replays.repeatable(digest() if digest else _digest(request), int(count))
    )


def _digest(request: HttpRequest) -> str:
    return hashlib.sha256(request.path.encode() + b"\n" + request.body).hexdigest()


def client_timeout(request: HttpRequest) -> float | None:
    """Seconds within which the client needs the answer, if it says so: its read timeout less two."""
    limit = request.headers.get("X-Stainless-Read-Timeout", "")
    return max(1.0, float(limit) - 2) if _SECONDS.fullmatch(limit) else None
