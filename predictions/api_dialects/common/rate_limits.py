"""API rate limits: a fixed window of one minute by account and kind of request, reported in response headers.

An account has the limits of its plan, or else the server's. An API token may also have one of its own for new
predictions, so that one program cannot use up what others of the account share.

Counted by the library `limits`: in this process's memory, or in Redis where it is configured, so that processes share
the count. Where counting fails for whatever reason, no request is refused.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from accounts.models import Account, ApiToken
from accounts.site import account_limits
from core.cache.outages import REDIS_TIMEOUTS_S, Outage
from predictions.submit import refusals

MAX_RETRY_AFTER_S = 10
"""Clients obey Retry-After literally and repeatedly: a higher value would mean minutes of silence."""


class Throttled(refusals.Refused):
    """Too many requests in this minute."""

    status = 429
    title = "Too many requests"

    def __init__(self, limit_status: LimitStatus) -> None:
        self.limit_status = limit_status
        self.retry_after_s = max(1, min(MAX_RETRY_AFTER_S, limit_status.reset_s))
        message = f"Request was throttled. Your rate limit resets in ~{limit_status.reset_s}s."
        if limit_status.of_token:
            message += f" It is this API token's own: {limit_status.limit} new predictions a minute."
        super().__init__(message)


@dataclass(frozen=True)
class LimitStatus:
    """What is left of a limit, and the seconds until it is reset."""

    limit: int
    remaining: int
    reset_s: int
    of_token: bool = False
    """Whether it is the API token's own limit rather than the account's."""

    def set_headers(self, response: HttpResponseBase) -> None:
        """Set the rate limit headers."""
        response["ratelimit-limit"] = str(self.limit)
        response["ratelimit-remaining"] = str(self.remaining)
        response["ratelimit-reset"] = str(self.reset_s)


def count_request(
    kind: account_limits.RequestKind, account: Account, subject: str = "", *, token: ApiToken | None = None
) -> LimitStatus | None:
    """Count one request; returns the tightest of the limits that it counts against, None where there is none.

    Raises Throttled. Polling is counted separately for each prediction (`subject`), so that a caller may poll many.
    """
    limit_statuses: list[LimitStatus] = []
    # The token's limit first: what it refuses must not use up what its account shares.
    if token is not None and kind == "create" and token.creates_per_minute:
        limit_statuses += _counted(token.creates_per_minute, ("token", str(token.pk)), of_token=True)
    limit_statuses += _counted(
        account_limits.requests_per_minute(account, kind), (kind, str(account.pk), subject)
    )
    return min(
        limit_statuses, key=lambda limit_status: (limit_status.remaining, limit_status.limit), default=None
    )


def count_network_request(network: str) -> LimitStatus | None:
    """Count one request that needs no sign-in, by `client_ip.rate_limit_key`. Raises Throttled."""
    limit_statuses = _counted(int(settings.RATE_LIMITS["other"]), ("address", network))
    return limit_statuses[0] if limit_statuses else None


def _counted(allowed: int, keys: tuple[str, ...], *, of_token: bool = False) -> list[LimitStatus]:
    """Count against one limit. Empty where there is no limit or counting fails. Raises Throttled."""
    if not allowed:
        return []
    counted = count(_item(allowed), *keys)
    if counted is None:
        return []
    limit_status = LimitStatus(allowed, counted.remaining, counted.reset_s, of_token)
    if not counted.passed:
        raise Throttled(limit_status)
    return [limit_status]


def kind_of(request: HttpRequest, creates: bool) -> account_limits.RequestKind:
    """The kind that a request counts as."""
    if creates:
        return "create"
    return "poll" if request.method in {"GET", "HEAD"} and "/predictions/" in request.path else "other"


@lru_cache(maxsize=1024)
def _item(allowed: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(allowed)


@dataclass(frozen=True)
class CountResult:
    """Result of counting one: whether it was within the limit, how many are left, seconds to the next window."""

    passed: bool
    remaining: int
    reset_s: int


_outage = Outage("requests_uncounted")


def count(item: RateLimitItem, *names: str) -> CountResult | None:
    """Count one against a limit. None where it could not be counted: that is our fault, never the caller's.

    What must not go on uncounted, such as a password attempt, treats None as a refusal.
    """
    if _outage.rests():
        return None
    try:
        counter = limiter()
        passed = counter.hit(item, *names)
        stats = counter.get_window_stats(item, *names)
    except Exception as error:
        # Anything may fail: an unreachable store, a broken library, a key holding something else.
        _outage.note(error)
        return None
    return CountResult(passed, max(0, stats.remaining), max(1, math.ceil(stats.reset_time - time.time())))


_limiter: FixedWindowRateLimiter | None = None
_making = threading.Lock()


def limiter() -> FixedWindowRateLimiter:
    """The process's limiter, created once under a lock: `limits` cannot be imported by several threads at once."""
    global _limiter
    with _making:
        if _limiter is None:
            _limiter = FixedWindowRateLimiter(_storage())
        return _limiter


def _storage() -> Storage:
    if not settings.REDIS_URL:
        return MemoryStorage()
    # The cache and this library write a Unix socket's URL differently.
    url = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
    return RedisStorage(url, key_prefix="darkroom-rates", **REDIS_TIMEOUTS_S)


def reset() -> None:
    """Reset (for tests)."""
    global _limiter
    with _making:
        _limiter = None
    _outage.forget()
