"""Usage of the spending limits of API tokens and accounts: the limit, what is spent and what is left, in micro-credits.

For pages, the API and the texts of refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts import credits
from accounts.credits import AccountLimitReached, TokenLimitReached, spending_periods
from accounts.credits.amounts import decimal_text
from accounts.models import Account, ApiToken, TokenSpending

_EACH = {"day": " a day", "month": " a month", "total": " in all"}


@dataclass(frozen=True)
class Meter:
    """One spending limit: the limit, what is spent or on hold, what is left, and when the period ends."""

    limit: str
    most: int
    spent: int
    resets_at: datetime | None

    @property
    def left(self) -> int:
        """What can still be spent; 0 where the limit was lowered below what is spent."""
        return max(0, self.most - self.spent)

    @property
    def per_mille(self) -> int:
        """How full it is, 0 to 1000."""
        return min(1000, self.spent * 1000 // self.most) if self.most else 1000


def meters(tokens: Iterable[ApiToken]) -> dict[int, list[Meter]]:
    """The meters of tokens by their ids, the narrowest limit first. One query for all."""
    limited = [token for token in tokens if is_limited(token)]
    now = timezone.now()
    rows = TokenSpending.objects.filter(
        token_id__in=[token.pk for token in limited], period__in=spending_periods.periods(now)
    )
    spent = {(row.token_id, row.period): row.spent for row in rows} if limited else {}
    return {
        token.pk: [
            Meter(
                name,
                most,
                spent.get((token.pk, spending_periods.period(name, now)), 0),
                spending_periods.ends_at(name, now),
            )
            for name, most in _limits(token)
            if most is not None
        ]
        for token in limited
    }


def is_limited(token: ApiToken) -> bool:
    """Whether the token has a spending limit."""
    return any(most is not None for _name, most in _limits(token))


def meters_of(token: ApiToken) -> list[Meter]:
    """The meters of one token; empty where it has no limit."""
    return meters([token]).get(token.pk, [])


def meters_of_account(account: Account) -> list[Meter]:
    """The meters of an account's spending limits: of its own and its plan's, the lower ones. No query without any."""
    if not account.limits_tokens:
        return []
    now = timezone.now()
    return [
        Meter(name, most, credits.spent(account.pk, None, name, now), spending_periods.ends_at(name, now))
        for _of_member, name, most in credits.limits_of(account.pk)
    ]


def refusal(reached: TokenLimitReached) -> str:
    """The refusal's text: which limit, what is left until when, and the amount asked for."""
    until = f" until {reached.ends_at:%Y-%m-%dT%H:%M:%SZ}" if reached.ends_at is not None else ""
    return (
        f"The spending limit of this API token is reached: it may spend {decimal_text(reached.most)} credits"
        f"{_EACH[reached.limit]}, of which {decimal_text(reached.left)} are left{until}, and this can cost up to "
        f"{decimal_text(reached.asked)}. Nothing was charged."
    )


def account_refusal(reached: AccountLimitReached, *, sees_money: bool = True) -> str:
    """The refusal's text for a limit of the account or of the acting member.

    Plain members of an organisation may not see its amounts: their text names the limit without figures.
    """
    until = f" until {reached.ends_at:%Y-%m-%dT%H:%M:%SZ}" if reached.ends_at is not None else ""
    if not (reached.of_member or sees_money):
        return (
            f"The spending limit of this account leaves less than this can cost{until}. Nothing was charged."
        )
    whose = (
        "Your spending limit in this account is reached: you may"
        if reached.of_member
        else "The spending limit of this account is reached: it may"
    )
    return (
        f"{whose} spend {decimal_text(reached.most)} credits{_EACH[reached.limit]}, of which "
        f"{decimal_text(reached.left)} are left{until}, and this can cost up to {decimal_text(reached.asked)}. "
        "Nothing was charged."
    )


def _limits(token: ApiToken) -> list[tuple[str, int | None]]:
    return list(
        zip(spending_periods.LIMITS, (token.day_limit, token.month_limit, token.total_limit), strict=True)
    )


@dataclass(frozen=True)
class Room:
    """A resource limit of an account and its current usage. `most`: None for no limit."""

    limit: str
    most: int | None
    used: int

    @property
    def left(self) -> int | None:
        """What can still be used; 0 where the limit was lowered below the usage."""
        return None if self.most is None else max(0, self.most - self.used)


_rooms: list[Callable[[Account], list[Room]]] = []


def register_room_usage(read: Callable[[Account], list[Room]]) -> None:
    """Register the function that counts an account's usage; it belongs to an app that this one must not import."""
    _rooms[:] = [read]


def rooms_of(account: Account) -> list[Room]:
    """Resource limits of the account with their usage. One query."""
    return [room for read in _rooms for room in read(account)]
