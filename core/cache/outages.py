"""Circuit breaker for a cache or counter: after an error it skips the store for a while, and logs once a minute.

A count is worth less than the request that reads it, so no request is refused or delayed: an unreachable store costs
one timeout in two seconds, not one per call.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog

log = structlog.get_logger(__name__)
REST_S = 2.0
"""Seconds after an error in which the store is not called."""
LOGGED_EVERY_S = 60.0
REDIS_TIMEOUTS_S: dict[str, Any] = {"socket_connect_timeout": 1.0, "socket_timeout": 2.0}
"""Timeouts of one call; Redis answers in a thousandth of that or is unreachable."""


class Outage:
    """Whether a store is skipped after an error, and its log line: at once, then one a minute with a count."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._rests_until = self._logged_at = float("-inf")
        self._errors = 0

    def rests(self) -> bool:
        """Whether the store is to be skipped for now."""
        return time.monotonic() < self._rests_until

    def note(self, error: Exception) -> None:
        """Record an error of the store: skip the store for a while, and log it unless a line is recent."""
        now = time.monotonic()
        with self._lock:
            self._rests_until = now + REST_S
            self._errors += 1
            if now - self._logged_at < LOGGED_EVERY_S:
                return
            self._logged_at, errors, self._errors = now, self._errors, 0
        log.error(self._event, errors=errors, exc_info=error)

    def forget(self) -> None:
        """Use the store again at once (for tests)."""
        self._rests_until = self._logged_at = float("-inf")
        self._errors = 0
