"""The queries behind open pages: what changed for some accounts. One statement a look, all of it over indexes.

New rows are found above a floor, a primary key that was the highest one some seconds before: on PostgreSQL a row with a
lower key may be committed after one with a higher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import CharField, Max, QuerySet, Value

from accounts.models import Account, Membership, User
from core.clock import Now, after
from gallery.live.channels import RECENT_S, TRACKED
from gallery.models import Item
from predictions.models import Phase, Prediction

LIVE = [Phase.WAITING, Phase.CLAIMED, Phase.RUNNING, Phase.RESULT, Phase.COLLECTING]
FIRST = 60
"""Rows of a kind that a first look takes."""


@dataclass(frozen=True, slots=True)
class Floors:
    """Rows above these keys are looked at as new ones."""

    prediction: int
    item: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a look. `number` is a prediction's revision or an account's balance."""

    kind: str
    account_id: int
    pk: int
    public_id: str
    number: int
    phase: str


def highest() -> Floors:
    """The highest keys at present."""
    return Floors(
        Prediction.objects.aggregate(top=Max("pk"))["top"] or 0,
        Item.objects.aggregate(top=Max("pk"))["top"] or 0,
    )


def changes(accounts: Sequence[int], tracked: Sequence[int], floors: Floors) -> list[Row]:
    """Balances, unfinished predictions and new rows of these accounts, whether changed or not. One query."""
    mine = {"account_id__in": accounts}
    parts = [
        _predictions(Prediction.objects.filter(pk__gt=floors.prediction, **mine)),
        _items(Item.objects.filter(pk__gt=floors.item, trashed_at__isnull=True, **mine)),
    ]
    if tracked:
        parts.append(_predictions(Prediction.objects.filter(pk__in=tracked)))
    return _rows(_balances(accounts).union(*parts, all=True))


def first(account_id: int) -> list[Row]:
    """What a channel begins with: the account's balance, its unfinished predictions and its newest rows."""
    live = Prediction.objects.filter(phase__in=LIVE, account_id=account_id).order_by("-pk")[:TRACKED]
    mine = {"account_id": account_id, "created_at__gt": after(-RECENT_S)}
    fresh = Prediction.objects.filter(**mine).order_by("-created_at", "-id")[:FIRST]
    items = Item.objects.filter(trashed_at__isnull=True, **mine).order_by("-created_at", "-id")[:FIRST]
    # Cut off at a number of rows each: no union, which SQLite would refuse.
    parts = (_balances([account_id]), _predictions(live), _predictions(fresh), _items(items))
    return [row for part in parts for row in _rows(part)]


def named(item_ids: Sequence[int], accounts: Sequence[int]) -> list[tuple[int, str, bool]]:
    """Of these rows those of these accounts: account, public id, and whether it is in the trash."""
    rows = Item.objects.filter(pk__in=item_ids, account_id__in=accounts).order_by("pk")
    return [
        (account_id, public_id, trashed is not None)
        for account_id, public_id, trashed in rows.values_list("account_id", "public_id", "trashed_at")
    ]


def admitted(sessions: set[str], users: set[int]) -> tuple[set[str], dict[int, tuple[int | None, str]]]:
    """Which of these sessions are still open; and of these users who may still sign in, each with the account and with
    what a session of theirs has to carry now: another password, or all sessions ended, and it is another one.
    """
    open_now = Session.objects.filter(session_key__in=sessions, expire_date__gt=Now())
    active = User.objects.filter(pk__in=users, is_active=True).only("account_id", "password", "session_epoch")
    members = {user.pk: (user.account_id, user.get_session_auth_hash()) for user in active}
    return set(open_now.values_list("session_key", flat=True)), members


def kept_from_money(accounts: set[int], users: set[int]) -> set[tuple[int, int]]:
    """Of these users those who are plain members of one of these organisations by now, each with that account."""
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
    # A model's own order has no place in a union; a cut one keeps that by which it was cut.
    ordered = rows if rows.query.is_sliced else rows.order_by()
    return ordered.values_list(_text("prediction"), "account_id", "pk", "public_id", "revision", "phase")


def _items(rows: QuerySet[Item]) -> QuerySet[Any, Any]:
    ordered = rows if rows.query.is_sliced else rows.order_by()
    return ordered.values_list(_text("item"), "account_id", "pk", "public_id", Value(0), _text(""))
