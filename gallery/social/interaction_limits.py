"""Limits on likes, follows, comments and reports: active accounts only, and not too many at once."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Literal

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext
from limits import RateLimitItemPerMinute

from accounts.models import User
from accounts.personal_accounts import personal_account
from core import crypto
from core.clock import Now
from core.net import client_ip
from gallery.items import publication
from predictions.api_dialects.common import rate_limits

Limits = tuple[tuple[int, timedelta], ...]
Action = Literal["like", "follow"]
PER_MINUTE: dict[Action, int] = {"like": 60, "follow": 30}
"""Likes, and follows, that a member may set or undo per minute."""


class TooMany(Exception):
    """More at once than people do; in at most `seconds` it is allowed again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    @property
    def message(self) -> str:
        """The message for the user."""
        minutes = max(1, self.seconds // 60)
        return ngettext(
            "Too many at once. Try again in %(n)d minute.",
            "Too many at once. Try again in %(n)d minutes.",
            minutes,
        ) % {"n": minutes}


def check_open_account(user: User) -> None:
    """Raise Suspended where the member's personal account is not active, whomever they act for."""
    own = personal_account(user)
    publication.check_open_account(own.pk if own is not None else None)


def check_recent(limits: Limits, rows: QuerySet[Model]) -> None:
    """Raise TooMany where as many of these rows as allowed were created lately (`created_at`)."""
    for most, span in limits:
        if rows.filter(created_at__gt=Now() - span).values("pk")[:most].count() >= most:
            raise TooMany(int(span.total_seconds()))


def count(action: Action, user: User) -> None:
    """Count an action that may leave no row. Raises TooMany.

    Where the counters can't be reached it is allowed: a like does no harm.
    """
    window = rate_limits.count(RateLimitItemPerMinute(PER_MINUTE[action]), action, str(user.pk))
    if window is not None and not window.passed:
        raise TooMany(window.reset_s)


def network_keys(request: HttpRequest) -> list[str]:
    """Keyed hashes of the caller's network, one per secret key, that tell networks apart and reveal nothing
    about them.

    The first is made with the newest key, with which reports are stored.
    """
    network = client_ip.rate_limit_key(request).encode()
    keys = (f"darkroom reports {key}".encode() for key in crypto.signing_keys())
    return [hmac.new(key, network, hashlib.sha256).hexdigest() for key in keys]
