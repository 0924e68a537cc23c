"""What the limits of an account allow and leave: of money for its page, in micro-credits, and of room for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils import timezone

from accounts import credits, spending
from accounts.credits import limits
from accounts.models import Account
from accounts.token_limits import Meter


@dataclass(frozen=True)
class Room:
    """How much of one kind an account may take up at a time, and takes. `most`: None where there is no limit."""

    limit: str
    most: int | None
    used: int

    @property
    def left(self) -> int | None:
        """What there is room for yet; never below nothing, also where a limit was lowered."""
        return None if self.most is None else max(0, self.most - self.used)


_rooms: list[Callable[[Account], list[Room]]] = []


def rooms_come_from(read: Callable[[Account], list[Room]]) -> None:
    """Tell who counts what an account takes up: a floor above, which this one must not import."""
    _rooms[:] = [read]


def rooms_of(account: Account) -> list[Room]:
    """What the account may take up, and takes. One query."""
    return [room for read in _rooms for room in read(account)]


def of_account(account: Account) -> list[Meter]:
    """The account's own limits or its plan's, whichever is lower. One query where there is no limit."""
    now = timezone.now()
    found = [(name, most) for _of_member, name, most in limits.of_account(account.pk)]
    if not found:
        return []
    return [
        Meter(name, most, credits.spent(account.pk, None, name, now), spending.ends_at(name, now))
        for name, most in found
    ]
