"""Queries behind the live updates: what changed for some accounts. One indexed statement per poll.

New rows are those above a floor, a primary key that was the highest some seconds ago: on PostgreSQL a row with
a lower key may be committed after one with a higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import CharField, Max, QuerySet, Value

from accounts.models import Account, Membership, User
from core.clock import Now, after
from gallery.live.channels import MAX_TRACKED, RECENT_S
from gallery.models import Item
from predictions.models import Phase, Prediction

UNFINISHED = [Phase.WAITING, Phase.CLAIMED, Phase.RUNNING, Phase.RESULT, Phase.COLLECTING]
FIRST_LIMIT = 60
"""Rows of each kind that a channel's first poll reads."""


@dataclass(frozen=True, slots=True)
class Floors:
    """Rows above these primary keys are polled as new."""

    prediction: int
    item: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a poll. `number` is a prediction's revision or an account's balance in micro-credits."""

    kind: str
    account_id: int
    pk: int
    public_id: str
    number: int
    phase: str


def highest_keys() -> Floors:
    """The highest primary keys at present."""
    return Floors(
        Prediction.objects.aggregate(top=Max("pk"))["top"] or 0,
        Item.objects.aggregate(top=Max("pk"))["top"] or 0,
    )


def changes(accounts: Sequence[int], tracked: Sequence[int], floors: Floors) -> list[Row]:
    """Balances, unfinished predictions and new rows of these accounts, whether changed or not. One query."""
    of_accounts = {"account_id__in": accounts}
    parts = [
        _predictions(Prediction.objects.filter(pk__gt=floors.prediction, **of_accounts)),
        _items(Item.objects.filter(pk__gt=floors.item, trashed_at__isnull=True, **of_accounts)),
    ]
    if tracked:
        parts.append(_predictions(Prediction.objects.filter(pk__in=tracked)))
    return _rows(_balances(accounts).union(*parts, all=True))


def initial_rows(account_id: int) -> list[Row]:
    """What a channel starts with: the account's balance, its unfinished predictions and its newest rows."""
    live = Prediction.objects.filter(phase__in=UNFINISHED, account_id=account_id).order_by("-pk")[
        :MAX_TRACKED
    ]
    recent = {"account_id": account_id, "created_at__gt": after(-RECENT_S)}
    fresh = Prediction.objects.filter(**recent).order_by("-created_at", "-id")[:FIRST_LIMIT]
    items = Item.objects.filter(trashed_at__isnull=True, **recent).order_by("-created_at", "-id")[
        :FIRST_LIMIT
    ]
    # Each is cut off by LIMIT: no union, which SQLite would reject.
    parts = (_balances([account_id]), _predictions(live), _predictions(fresh), _items(items))
    return [row for part in parts for row in _rows(part)]


def items_by_pk(item_ids: Sequence[int], accounts: Sequence[int]) -> list[tuple[int, str, bool]]:
    """Those of these items that belong to these accounts: account id, public id, whether it is in the trash."""
    rows = Item.objects.filter(pk__in=item_ids, account_id__in=accounts).order_by("pk")
    return [
        (account_id, public_id, trashed is not None)
        for account_id, public_id, trashed in rows.values_list("account_id", "public_id", "trashed_at")
    ]


def valid_sessions(sessions: set[str], users: set[int]) -> tuple[set[str], dict[int, tuple[int | None, str]]]:
    """Which of these sessions are still open; and which of these users are active, each with their account id
    and the session hash that is valid now (it changes with the password, and where all sessions were ended)."""
    open_now = Session.objects.filter(session_key__in=sessions, expire_date__gt=Now())
    active = User.objects.filter(pk__in=users, is_active=True).only("account_id", "password", "session_epoch")
    members = {user.pk: (user.account_id, user.get_session_auth_hash()) for user in active}
    return set(open_now.values_list("session_key", flat=True)), members


def without_funds_access(accounts: set[int], users: set[int]) -> set[tuple[int, int]]:
    """Pairs (user, account) of those users who are now plain members of these organisations, and so may not see
    its money."""
    plain = Membership.objects.filter(account__in=accounts, user__in=users, role=Membership.Role.MEMBER)
    return set(plain.values_list("user_id", "account_id"))


def _rows(found: QuerySet[Any, Any]) -> list[Row]:
    return [Row(*values) for values in found]


def _text(value: str) -> Value:
    return Value(value, output_field=CharField())


def _balances(accounts: Sequence[int]) -> QuerySet[Any, Any]:
    rows = Account.objects.filter(pk__in=accounts).order_by()
    return rows.values_list(_text("balance"), "pk", "pk", _text(""), "balance", _text(""))


def _predictions(rows: QuerySet[Prediction]) -> QuerySet[Any, Any]:
    # A model's default order is not allowed in a union; a sliced query keeps the order by which it is sliced.
    ordered = rows if rows.query.is_sliced else rows.order_by()
    return ordered.values_list(_text("prediction"), "account_id", "pk", "public_id", "revision", "phase")


def _items(rows: QuerySet[Item]) -> QuerySet[Any, Any]:
    ordered = rows if rows.query.is_sliced else rows.order_by()
    return ordered.values_list(_text("item"), "account_id", "pk", "public_id", Value(0), _text(""))
