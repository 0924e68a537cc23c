"""Whether an account has room for new pictures. The floor above keeps them and says here who knows."""

from __future__ import annotations

from collections.abc import Callable

from accounts.models import Account

ObjectionOf = Callable[[Account], str]
"""What to tell an account that is full, one sentence in English; empty while it has room."""
_tellers: list[ObjectionOf] = []


def is_told_by(objection_of: ObjectionOf) -> None:
    """Say who knows; called once when the floor above is ready."""
    _tellers[:] = [objection_of]


def objection(account: Account) -> str:
    """Why this account may make nothing new for want of room; empty while it may."""
    return next(filter(None, (objection_of(account) for objection_of in _tellers)), "")
