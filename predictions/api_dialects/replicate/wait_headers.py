"""The `Prefer` header: how long a create is held."""

from __future__ import annotations

import re

from django.http import HttpRequest

from predictions.api_dialects.common.request_headers import client_timeout

DEFAULT_WAIT = 60.0
_WAIT = re.compile(r"wait(?:\s*=\s*\"?(\d{1,6})\"?)?", re.IGNORECASE | re.ASCII)


class Preference:
    """The caller's `Prefer` header: to wait (seconds), not to wait, or nothing."""

    def __init__(self, header: str) -> None:
        self.wait: float | None = None
        self.applied = ""
        self.asynchronous = False
        for part in header.split(","):
            preference = part.split(";")[0].strip()
            match = _WAIT.fullmatch(preference)
            if match and self.wait is None:
                seconds = match.group(1)
                self.wait = min(60.0, max(1.0, float(seconds))) if seconds else DEFAULT_WAIT
                self.applied = f"wait={int(self.wait)}" if seconds else "wait"
            elif preference.lower() == "respond-async":
                self.asynchronous = True

    def hold(self, request: HttpRequest) -> float:
        """Seconds to hold: the response must be complete before the client's own read timeout."""
        seconds = self.wait or 0.0
        seconds = min(seconds, client_timeout(request) or seconds)
        return min(seconds, 58.5) - min(1.0, seconds / 10)
