"""Rate limits of the API: a window of a minute for each account and kind of request, told in headers of every answer.

An account has the limits of its plan, or else the server's. An API token may have one of its own for new predictions,
which counts beside its account's: one program can be kept from using up what the others of its account share.

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

from accounts.models import Account, ApiToken
from predictions import refusals

log = structlog.get_logger(__name__)

Kind = Literal["create", "poll", "other"]
MAX_RETRY_AFTER_S = 10
"""Clients obey it to the letter, many times over: more would be minutes of silence."""


class Throttled(refusals.Refused):
    """Too many requests in this minute."""

    status = 429
    title = "Too many requests"

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.retry_after_s = max(1, min(MAX_RETRY_AFTER_S, standing.reset_s))
        words = f"Request was throttled. Your rate limit resets in ~{standing.reset_s}s."
        if standing.of_token:
            words += f" It is this API token's own: {standing.limit} new predictions a minute."
        super().__init__(words)


@dataclass(frozen=True)
class Standing:
    """How much of the minute's allowance is left, and in how many seconds it is whole again."""

    limit: int
    remaining: int
    reset_s: int
    of_token: bool = False
    """Whether it is the API token's own, beside its account's."""

    def tell(self, answer: HttpResponseBase) -> None:
        """Write the headers that clients read."""
        answer["ratelimit-limit"] = str(self.limit)
        answer["ratelimit-remaining"] = str(self.remaining)
        answer["ratelimit-reset"] = str(self.reset_s)


def spend(
    kind: Kind, account: Account, subject: str = "", *, token: ApiToken | None = None
) -> Standing | None:
    """Count one request, and tell the tightest of the limits it counts against. None where there is none.

    Raises Throttled. Polling is counted for each prediction (`subject`) apart: a caller with many of them may ask for
    all.
    """
    found: list[Standing] = []
    # The token's own first: what it refuses does not use up what its account shares.
    if token is not None and kind == "create" and token.creates_per_minute:
        found += _counted(token.creates_per_minute, ("token", str(token.pk)), of_token=True)
    found += _counted(_allowed(kind, account), (kind, str(account.pk), subject))
    return min(found, key=lambda standing: (standing.remaining, standing.limit), default=None)


def spend_from(address: str) -> Standing | None:
    """Count one request of somebody who need not say who they are, by their address. Raises Throttled."""
    found = _counted(int(settings.RATE_LIMITS["other"]), ("address", address))
    return found[0] if found else None


def _allowed(kind: Kind, account: Account) -> int:
    """Requests a minute of an account; 0: as many as it likes."""
    plan = account.plan if account.plan_id is not None else None
    if plan is not None and kind == "create" and plan.creates_per_minute:
        return plan.creates_per_minute
    if plan is not None and kind == "other" and plan.requests_per_minute:
        return plan.requests_per_minute
    return int(settings.RATE_LIMITS[kind])


def _counted(allowed: int, keys: tuple[str, ...], *, of_token: bool = False) -> list[Standing]:
    """Where one limit stands after this request; empty where there is no limit or nobody counts. Raises Throttled."""
    if not allowed:
        return []
    item, counter = _item(allowed), limiter()
    try:
        passed = counter.hit(item, *keys)
        stats = counter.get_window_stats(item, *keys)
    except StorageError as error:
        log.error("rate_limits_unreachable", exc_info=error)
        return []
    reset_s = max(1, math.ceil(stats.reset_time - time.time()))
    standing = Standing(allowed, max(0, stats.remaining), reset_s, of_token)
    if not passed:
        raise Throttled(standing)
    return [standing]


def kind_of(request: HttpRequest, creates: bool) -> Kind:
    """What a request counts as."""
    if creates:
        return "create"
    return "poll" if request.method in {"GET", "HEAD"} and "/predictions/" in request.path else "other"


@lru_cache(maxsize=1024)
def _item(allowed: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(allowed)


@lru_cache(maxsize=1)
def limiter() -> FixedWindowRateLimiter:
    """What counts, for this and for whatever else is limited."""
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
    limiter.cache_clear()
