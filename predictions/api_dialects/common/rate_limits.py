"""Rate limits of the API: a window of a minute for each account and kind of request, told in headers of every answer.

An account has the limits of its plan, or else the server's. An API token may have one of its own for new predictions,
which counts beside its account's: one program can be kept from using up what the others of its account share.

Counted by the library `limits`: in this process's memory, or in Redis where one is set, so that several processes share
the count. Where nobody can count, for whatever reason, nobody is refused for that.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from accounts.models import Account, ApiToken
from core.cache.outages import REDIS_TIMEOUTS_S, Outage
from predictions.submit import refusals

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


def spend_from(network: str) -> Standing | None:
    """Count one request of somebody who need not say who they are, by `networks.household`. Raises Throttled."""
    found = _counted(int(settings.RATE_LIMITS["other"]), ("address", network))
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
    found = count(_item(allowed), *keys)
    if found is None:
        return []
    standing = Standing(allowed, found.remaining, found.reset_s, of_token)
    if not found.passed:
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


@dataclass(frozen=True)
class Counted:
    """What came of counting one: whether it was within the limit, how many are left, and seconds to the next window."""

    passed: bool
    remaining: int
    reset_s: int


_outage = Outage("requests_uncounted")


def count(item: RateLimitItem, *names: str) -> Counted | None:
    """Count one against a limit. None where it could not be counted: the fault is ours, never the caller's.

    What must not go on uncounted, such as a try at a password, treats None as a refusal.
    """
    if _outage.rests():
        return None
    try:
        counter = limiter()
        passed = counter.hit(item, *names)
        stats = counter.get_window_stats(item, *names)
    except Exception as error:
        # Whatever it is: a store that is away, a library that is not whole, a key that holds something else.
        _outage.note(error)
        return None
    return Counted(passed, max(0, stats.remaining), max(1, math.ceil(stats.reset_time - time.time())))


_limiter: FixedWindowRateLimiter | None = None
_making = threading.Lock()


def limiter() -> FixedWindowRateLimiter:
    """What counts in this process, made once: `limits` cannot be loaded by several threads at a time."""
    global _limiter
    with _making:
        if _limiter is None:
            _limiter = FixedWindowRateLimiter(_storage())
        return _limiter


def _storage() -> Storage:
    if not settings.REDIS_URL:
        return MemoryStorage()
    # The cache and this library spell a Unix socket's address differently.
    url = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
    return RedisStorage(url, key_prefix="darkroom-rates", **REDIS_TIMEOUTS_S)


def forget() -> None:
    """Begin anew (for tests)."""
    global _limiter
    with _making:
        _limiter = None
    _outage.forget()
