"""What holds for everything people do with others' pictures: open accounts only, and not too much at once."""

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
A_MINUTE: dict[Action, int] = {"like": 60, "follow": 30}
"""So often a member may change their mind about others' pictures, and about others, in one minute."""


class TooMany(Exception):
    """More at once than people do; `seconds` tells after how long it may go on, at most."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    @property
    def words(self) -> str:
        """The sentence for who did it."""
        minutes = max(1, self.seconds // 60)
        return ngettext(
            "Too many at once. Try again in %(n)d minute.",
            "Too many at once. Try again in %(n)d minutes.",
            minutes,
        ) % {"n": minutes}


def check_open_account(user: User) -> None:
    """Raise Suspended where the member's own account is closed to new things, whomever they act for."""
    own = personal_account(user)
    publication.check_open_account(own.pk if own is not None else None)


def check_recent(limits: Limits, rows: QuerySet[Model]) -> None:
    """Raise TooMany where as many of these rows as one may make were made lately (`created_at`)."""
    for most, span in limits:
        if rows.filter(created_at__gt=Now() - span).values("pk")[:most].count() >= most:
            raise TooMany(int(span.total_seconds()))


def count(deed: Action, user: User) -> None:
    """Count something that leaves no row behind when it is taken back. Raises TooMany.

    Where the counts cannot be reached everybody may: a like is no harm.
    """
    counted = rate_limits.count(RateLimitItemPerMinute(A_MINUTE[deed]), deed, str(user.pk))
    if counted is not None and not counted.passed:
        raise TooMany(counted.reset_s)


def network_keys(request: HttpRequest) -> list[str]:
    """A keyed hash of the caller's network, which tells one from another and nothing about either, by each secret key.

    The newest, with which reports are written, comes first.
    """
    household = client_ip.household(request).encode()
    keys = (f"darkroom reports {key}".encode() for key in crypto.signing_keys())
    return [hmac.new(key, household, hashlib.sha256).hexdigest() for key in keys]
