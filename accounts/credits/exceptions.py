"""Why credits do not move. Whatever is raised here, nothing was changed."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError

from accounts.credits import spending_periods
from accounts.models import LedgerEntry


class InsufficientCredits(Exception):
    """The account has less than what is asked; nothing was changed."""


class TokenLimitReached(InsufficientCredits):
    """A limit of the token leaves less than what is asked. The transaction must not be committed.

    `limit` is `day`, `month` or `total`; `most` what it allows, `left` what of it is left, in micro-credits.
    """

    def __init__(self, limit: str, most: int, left: int, asked: int, at: datetime) -> None:
        self.limit, self.most, self.left, self.asked = limit, most, left, asked
        self.ends_at = spending_periods.ends_at(limit, at)
        super().__init__(limit)


class AccountLimitReached(InsufficientCredits):
    """A limit of the account, or of one of its members, leaves less than what is asked. Not to be committed.

    `limit` is `day` or `month`; `of_member` says whose it is; `most` what it allows, `left` what of it is left.
    """

    def __init__(
        self, limit: str, most: int, left: int, asked: int, at: datetime, *, of_member: bool = False
    ) -> None:
        self.limit, self.most, self.left, self.asked = limit, most, left, asked
        self.of_member = of_member
        self.ends_at = spending_periods.ends_at(limit, at)
        super().__init__(limit)


class GiftLimitReached(InsufficientCredits):
    """The account may give less than that: `left` micro-credits of what it may give in the time that was named."""

    def __init__(self, most: int, left: int) -> None:
        self.most, self.left = most, left
        super().__init__("gift")


class AccountClosed(Exception):
    """The account takes no such movement: it is suspended, being closed or closed; nothing was changed."""


class AlreadyPosted(IntegrityError):
    """A row of that kind with that reference was written before; nothing was changed now. `entry` is that row."""

    def __init__(self, entry: LedgerEntry) -> None:
        self.entry = entry
        super().__init__(f"{entry.kind} {entry.reference} was posted before")


class TooMuch(ValueError):
    """The balance would be larger than the database counts exactly; nothing was changed."""
