"""Circuit breaker for a cache or counter that may be away: it rests after an error, and logs that once a minute.

What is counted there is worth less than the request that asks for it, so nobody is refused or kept waiting: a store
that swallows packets costs one time limit in two seconds, not one a call.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog

log = structlog.get_logger(__name__)
REST_S = 2.0
"""Seconds for which nobody asks after an error."""
LOGGED_EVERY_S = 60.0
REDIS_TIMEOUTS_S: dict[str, Any] = {"socket_connect_timeout": 1.0, "socket_timeout": 2.0}
"""How long one question waits; Redis answers in a thousandth of that or is away."""


class Outage:
    """Whether a store rests after an error, and its line in the log: at once, then one a minute with a count."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._rests_until = self._logged_at = float("-inf")
        self._errors = 0

    def rests(self) -> bool:
        """Whether the store is to be left alone for now."""
        return time.monotonic() < self._rests_until

    def note(self, error: Exception) -> None:
        """An error of the store: let it rest, and log it where the last line is old enough."""
        now = time.monotonic()
        with self._lock:
            self._rests_until = now + REST_S
            self._errors += 1
            if now - self._logged_at < LOGGED_EVERY_S:
                return
            self._logged_at, errors, self._errors = now, self._errors, 0
        log.error(self._event, errors=errors, exc_info=error)

    def forget(self) -> None:
        """Ask again at once (for tests)."""
        self._rests_until = self._logged_at = float("-inf")
        self._errors = 0
