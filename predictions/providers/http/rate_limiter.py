"""Rate limiter of upstream keys: requests per second, and pauses that the service asked for (`Retry-After`).

Shared by all users of a key in any thread or loop and, once `share_in` has named a folder, by all processes of this
machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import re
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from predictions.providers.http.interprocess_state import Shared
from predictions.providers.upstream import UpstreamConfig

LONGEST = 3600.0
"""Seconds to which a longer rest that a service asks for is cut."""
_LONGEST_RESET = 60.0
_BURST_S = 1.0
_KEPT = 1000
_WORDS = re.compile(
    r"(?:available|again|retry|wait|resets?)\D{0,24}?(\d{1,6}(?:\.\d{1,6})?)\s*"
    r"(ms|millisec\w*|s\b|sec\w*|m\b|min\w*|h\b|hour\w*|秒|分)"
    r"|(\d{1,6}(?:\.\d{1,6})?)\s*(秒|分钟)后"
)
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")


class Pace:
    """The rate limit of one key: `rate` requests a second, evenly, after a burst of one second's worth."""

    def __init__(self, rate: float, path: Path | None = None) -> None:
        """`path`: the file that shares the state with other processes."""
        self._lock = threading.Lock()
        self._shared = Shared(path) if path else None
        self._rate = max(rate, 0.01)
        self._next = 0.0
        self._rest_from = 0.0
        self._rest_until = 0.0

    def set_rate(self, rate: float) -> None:
        """Change the rate, in requests per second."""
        self._rate = max(rate, 0.01)

    def take(
        self, patience: float, now: float | None = None, *, rests_at_most: float = LONGEST
    ) -> tuple[bool, float]:
        """Reserve one request: (True, seconds to wait before it) where that is within `patience`.

        Otherwise (False, seconds after which to try again). `rests_at_most`: cuts a longer rest to so many seconds,
        for requests that only poll work started earlier.
        """
        at = time.monotonic() if now is None else now
        with self._together(at):
            step = 1.0 / self._rate
            # After idle time a second's worth may go at once, and always at least one.
            rest_until = min(self._rest_until, self._rest_from + rests_at_most)
            earliest = max(self._next, at - max(_BURST_S - step, 0.0), rest_until)
            wait = earliest - at if earliest - at > 1e-6 else 0.0
            if wait > patience:
                return False, wait
            self._next = earliest + step
            return True, wait

    def rest(self, seconds: float, now: float | None = None) -> None:
        """Pause for so many seconds, as the service asked."""
        at = time.monotonic() if now is None else now
        with self._together(at):
            self._rest_from = at
            self._rest_until = max(self._rest_until, at + min(max(seconds, 0.0), LONGEST))

    def resting(self, now: float | None = None) -> float:
        """Remaining seconds of rest; 0 where there is none."""
        at = time.monotonic() if now is None else now
        return max(0.0, self._rest_until - at)

    @contextlib.contextmanager
    def _together(self, now: float) -> Iterator[None]:
        """Hold the lock; the numbers are read from the shared file first and written to it at the end."""
        with self._lock:
            if self._shared is None:
                yield
                return
            with self._shared.held() as held:
                if held and (numbers := self._shared.read(now)) is not None:
                    self._next, self._rest_from, self._rest_until = numbers
                yield
                if held:
                    self._shared.write((self._next, self._rest_from, self._rest_until))


_folder: Path | None = None


def share_in(folder: Path | None) -> None:
    """Share the state of keys requested from now on in files of this folder; None: in this process's memory."""
    global _folder
    _folder = folder


_paces: dict[tuple[str, str, str], Pace] = {}
_lock = threading.Lock()


def pace_of(config: UpstreamConfig) -> Pace:
    """The rate limiter of a key. A changed secret or address starts a new one."""
    mark = hashlib.sha256(config.secret.encode()).hexdigest()
    name = (config.name, config.url, mark)
    with _lock:
        pace = _paces.pop(name, None) or Pace(config.requests_per_second, _file_of(name))
        pace.set_rate(config.requests_per_second)
        _paces[name] = pace
        while len(_paces) > _KEPT:
            _paces.pop(next(iter(_paces)))
    return pace


def _file_of(name: tuple[str, str, str]) -> Path | None:
    """A file name that reveals neither the URL nor the key."""
    return _folder / hashlib.sha256("\0".join(name).encode()).hexdigest()[:32] if _folder else None


def requested_wait(headers: Mapping[str, str], text: str = "") -> float | None:
    """Seconds that a response asks to wait, by its headers or else its text; None where it does not say."""
    for name in ("retry-after-ms", "retry-after"):
        seconds = _delay(headers.get(name, ""), 0.001 if name.endswith("ms") else 1.0)
        if seconds is not None:
            return seconds
    found = _WORDS.search(text)
    if found is None:
        return None
    number, unit = (found.group(1), found.group(2)) if found.group(1) else (found.group(3), found.group(4))
    scale = 0.001 if unit.startswith(("ms", "milli")) else _UNITS.get(unit[0], 1.0)
    return min(float(number) * scale, LONGEST)


def rest_by_limits(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit resets, where the rate-limit headers say that no request is left."""
    for left, reset in (
        ("ratelimit-remaining", "ratelimit-reset"),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ):
        if headers.get(left, "").strip() in ("0", "0.0"):
            seconds = _reset(headers.get(reset, ""))
            return None if seconds is None else min(seconds, _LONGEST_RESET)
    combined = headers.get("ratelimit", "")[:500]
    if re.search(r"\b(remaining|r)=0\b", combined) and (
        found := re.search(r"\b(?:reset|t)=(\d{1,9})", combined)
    ):
        return min(float(found.group(1)), _LONGEST_RESET)
    return None


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "秒": 1.0, "分": 60.0}


def _delay(text: str, scale: float) -> float | None:
    """`Retry-After`: seconds, or a date."""
    text = text.strip()[:64]
    if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text):
        return min(float(text) * scale, LONGEST)
    if not text:
        return None
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max((when - datetime.now(UTC)).total_seconds(), 0.0), LONGEST)


def _reset(text: str) -> float | None:
    """Seconds, a Unix time, or parts such as `6m0s`."""
    text = text.strip()[:64]
    if re.fullmatch(r"\d{1,14}(\.\d{1,6})?", text):
        number = float(text)
        if number > 1e12:
            number /= 1000
        return max(0.0, number - time.time()) if number > 1e9 else number
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    scales = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return math.fsum(float(number) * scales[unit] for number, unit in parts)
