"""What a house is made of, as plain arithmetic has it; and the crash that breaks a step."""

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
    """A purchase, and what was taken back of it."""

    row: Purchase
    taken: int = 0


@dataclass
class Member:
    """Somebody who may act for an organisation."""

    user: User
    role: str = "member"
    limit: int | None = None


@dataclass
class Known:
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
    members: dict[int, Member] = field(default_factory=dict)
    """Of an organisation, by the keys of the users."""

    @property
    def is_club(self) -> bool:
        return self.account.kind == Account.Kind.ORGANIZATION

    def spent_by(self, user: User, month: str) -> int:
        """What that member spent and has on hold in a month."""
        return sum(job.net for job in self.jobs if job.member == user.pk and job.day.startswith(month))
