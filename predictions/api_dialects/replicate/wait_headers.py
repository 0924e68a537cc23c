"""Answers that wait: how long a create is held, and what it says in the end."""

from __future__ import annotations

import re

from django.http import HttpRequest

from predictions.api_dialects.common.request_headers import client_timeout
from predictions.api_dialects.replicate.error_responses import faults
from predictions.submit.validation import Fault

DEFAULT_WAIT = 60.0
_WAIT = re.compile(r"wait(?:\s*=\s*\"?(\d{1,6})\"?)?", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?|(\d{1,7})", re.ASCII)


class Preference:
    """What the caller asked for by `Prefer`: to wait (seconds), not to wait, or nothing."""

    def __init__(self, header: str) -> None:
        self.wait: float | None = None
        self.applied = ""
        self.asynchronous = False
        for part in header.split(","):
            word = part.split(";")[0].strip()
            match = _WAIT.fullmatch(word)
            if match and self.wait is None:
                given = match.group(1)
                self.wait = min(60.0, max(1.0, float(given))) if given else DEFAULT_WAIT
                self.applied = f"wait={int(self.wait)}" if given else "wait"
            elif word.lower() == "respond-async":
                self.asynchronous = True

    def hold(self, request: HttpRequest) -> float:
        """Seconds to hold: the answer must be complete before the client's own read time-out."""
        asked = self.wait or 0.0
        asked = min(asked, client_timeout(request) or asked)
        return min(asked, 58.5) - min(1.0, asked / 10)


def cancel_after(request: HttpRequest) -> float | None:
    """Seconds from `Cancel-After`, at least 5. Raises Problem 422."""
    text = request.headers.get("Cancel-After")
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip())
    seconds = 0.0
    if match:
        hours, minutes, rest, plain = (int(part or 0) for part in match.groups())
        seconds = float(hours * 3600 + minutes * 60 + rest + plain)
    if not 5 <= seconds <= 30 * 24 * 3600:
        raise faults(
            [Fault("format", "Cancel-After", "Must be a duration of at least 5s, such as 90, 30s or 1h30m")]
        )
    return seconds
