"""Rate limits of the API: a window of a minute for each account and kind of request, told in headers of every answer.

Counted by the library `limits`: in this process's memory, or in Redis where one is set, so that several processes share
the count. Where Redis cannot be reached nobody is refused for that.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from predictions import submit

log = structlog.get_logger(__name__)

Kind = Literal["create", "poll", "other"]
MAX_RETRY_AFTER_S = 10
"""Clients obey it to the letter, many times over: more would be minutes of silence."""


class Throttled(submit.Refused):
    """Too many requests in this minute."""

    status = 429
    title = "Too many requests"

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.retry_after_s = max(1, min(MAX_RETRY_AFTER_S, standing.reset_s))
        super().__init__(f"Request was throttled. Your rate limit resets in ~{standing.reset_s}s.")


@dataclass(frozen=True)
class Standing:
    """How much of the minute's allowance is left, and in how many seconds it is whole again."""

    limit: int
    remaining: int
    reset_s: int

    def tell(self, answer: HttpResponseBase) -> None:
        """Write the headers that clients read."""
        answer["ratelimit-limit"] = str(self.limit)
        answer["ratelimit-remaining"] = str(self.remaining)
        answer["ratelimit-reset"] = str(self.reset_s)


def spend(kind: Kind, account_id: int, subject: str = "") -> Standing | None:
    """Count one request. None where there is no limit. Raises Throttled.

    Polling is counted for each prediction (`subject`) apart: a caller with many of them may ask for all.
    """
    allowed = settings.RATE_LIMITS[kind]
    if not allowed:
        return None
    item, keys = _item(allowed), (kind, str(account_id), subject)
    limiter = _limiter()
    try:
        passed = limiter.hit(item, *keys)
        stats = limiter.get_window_stats(item, *keys)
    except StorageError as error:
        log.error("rate_limits_unreachable", exc_info=error)
        return None
    standing = Standing(allowed, max(0, stats.remaining), max(1, math.ceil(stats.reset_time - time.time())))
    if not passed:
        raise Throttled(standing)
    return standing


def kind_of(request: HttpRequest, creates: bool) -> Kind:
    """What a request counts as."""
    if creates:
        return "create"
    return "poll" if request.method in {"GET", "HEAD"} and "/predictions/" in request.path else "other"


@lru_cache(maxsize=16)
def _item(allowed: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(allowed)


@lru_cache(maxsize=1)
def _limiter() -> FixedWindowRateLimiter:
    storage: Storage
    if settings.REDIS_URL:
        # The cache and this library spell a Unix socket's address differently.
        url = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
        storage = RedisStorage(url, wrap_exceptions=True, key_prefix="darkroom-rates")
    else:
        storage = MemoryStorage()
    return FixedWindowRateLimiter(storage)


def forget() -> None:
    """Begin anew (for tests)."""
    _limiter.cache_clear()
