"""Exceptions of credit movements. Whichever is raised, nothing was changed."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError

from accounts.credits import spending_periods
from accounts.models import LedgerEntry


class InsufficientCredits(Exception):
    """The balance is below the amount; nothing was changed."""


class TokenLimitReached(InsufficientCredits):
    """The amount exceeds a spending limit of the token. The transaction must be rolled back.

    `limit` is `day`, `month` or `total`; `most` the limit and `left` its rest, in micro-credits.
    """

    def __init__(self, limit: str, most: int, left: int, asked: int, at: datetime) -> None:
        self.limit, self.most, self.left, self.asked = limit, most, left, asked
        self.ends_at = spending_periods.ends_at(limit, at)
        super().__init__(limit)


class AccountLimitReached(InsufficientCredits):
    """The amount exceeds a spending limit of the account or of a member. The transaction must be rolled back.

    `limit` is `day` or `month`; `of_member` whether it is the member's; `most` the limit and `left` its rest, in
    micro-credits.
    """

    def __init__(
        self, limit: str, most: int, left: int, asked: int, at: datetime, *, of_member: bool = False
    ) -> None:
        self.limit, self.most, self.left, self.asked = limit, most, left, asked
        self.of_member = of_member
        self.ends_at = spending_periods.ends_at(limit, at)
        super().__init__(limit)


class GiftLimitReached(InsufficientCredits):
    """The amount exceeds what the account may give away in the period: `left` micro-credits remain."""

    def __init__(self, most: int, left: int) -> None:
        self.most, self.left = most, left
        super().__init__("gift")


class AccountClosed(Exception):
    """The account's status (suspended, closing or closed) forbids this movement; nothing was changed."""


class AlreadyPosted(IntegrityError):
    """A ledger row of this kind and reference exists (`entry`); nothing was changed."""

    def __init__(self, entry: LedgerEntry) -> None:
        self.entry = entry
        super().__init__(f"{entry.kind} {entry.reference} was posted before")


class TooMuch(ValueError):
    """The balance would exceed the largest that sums exactly; nothing was changed."""
