"""Expected balances in plain arithmetic, and the crash that interrupts a step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import Account, Purchase, User

Call = Callable[[], Any]
numbers = itertools.count(1)


class Crashed(Exception):
    """The process is gone before this statement."""


class Crash:
    """Breaks the n-th statement that is sent; 0: none."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise Crashed(sql)
        return execute(sql, params, many, context)


@dataclass
class Job:
    """A hold, and what became of it."""

    reference: str
    held: int
    day: str
    generation: int
    member: int
    net: int = 0
    live: bool = True
    refunded: bool = False

    def __post_init__(self) -> None:
        self.net = self.held


@dataclass
class Bought:
    """A purchase, what became of its payment, and of its credits."""

    row: Purchase
    gave: bool = True
    refunded: int = 0
    asked: bool = False
    """A payment back has failed: since then the provider is asked."""
    disputes: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """Their state, amount and newest time, by their numbers."""
    wanted: int = 0
    taken: int = 0

    @property
    def part(self) -> int:
        """How many of its credits follow from what was returned."""
        gone = sum(amount for state, amount, _at in self.disputes.values() if state in {"open", "lost"})
        return self.row.credits * min(100, self.refunded + gone) // 100 if self.gave else 0


@dataclass
class Member:
    """Somebody who may act for an organisation."""

    user: User
    role: str = "member"
    limit: int | None = None


@dataclass
class ReferenceBalance:
    """An account as plain arithmetic has it."""

    account: Account
    user: User
    balance: int = 0
    held: int = 0
    status: str = "active"
    jobs: list[Job] = field(default_factory=list)
    purchases: list[Bought] = field(default_factory=list)
    day_limit: int | None = None
    period: str = ""
    until: datetime | None = None
    allowed: int = 0
    generation: int = 0
    ended: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Allowances that have ended, by generation: what was given, and what its holds used."""
    members: dict[int, Member] = field(default_factory=dict)
    """Of an organisation, by the keys of the users."""

    @property
    def is_club(self) -> bool:
        return self.account.kind == Account.Kind.ORGANIZATION

    @property
    def owed(self) -> int:
        """What of returned payments was not there to be taken."""
        return 0 if self.status == "closed" else sum(one.wanted - one.taken for one in self.purchases)

    def comes(self, amount: int) -> None:
        """Credits that come pay what is owed, the oldest purchase first."""
        self.balance += amount
        for one in self.purchases if self.owed else []:
            paid = min(self.balance, one.wanted - one.taken)
            self.balance -= paid
            one.taken += paid

    def level(self, bought: Bought) -> None:
        """Take back of a purchase what follows from what was returned, write off or give again."""
        wanted = bought.part
        if wanted > bought.wanted:
            taken = min(wanted - bought.wanted, self.balance)
            self.balance -= taken
            bought.taken += taken
        again = max(0, bought.taken - wanted)
        if again and self.status == "closed":
            return
        bought.wanted = wanted
        bought.taken -= again
        self.comes(again)

    def bought(self, number: int) -> Bought | None:
        """One of the purchases, the newest ones rather than the old."""
        lately = self.purchases[-8:]
        return lately[number % len(lately)] if lately else None

    def returns(self, job: Job, released: int) -> None:
        """A hold is over: of what comes back goes what its allowance has left, if that has ended."""
        given, used = self.ended.get(job.generation, (0, 0))
        if given:
            left = max(0, given - used + released) - max(0, given - used)
            self.ended[job.generation] = (given, used - released)
            released -= min(left, released)
        self.comes(released)

    def spent_by(self, user: User, month: str) -> int:
        """What that member spent and has on hold in a month."""
        return sum(job.net for job in self.jobs if job.member == user.pk and job.day.startswith(month))
