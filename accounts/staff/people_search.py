"""Members and accounts by the beginning of their name or address, among any number of them.

Each column is asked alone and for a bounded number of rows, so each is one look into its own index (`Beginning`); asked
for together, or for rows of another table beside them, all would be read. Who is called exactly so comes in any case.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.db import connection
from django.db.models import QuerySet

from accounts.models import Account, Membership, User

MOST = 200
"""So many are found at most by each column."""
LONGEST = 200


def clean(words: str) -> str:
    """What may be looked for: no NUL, which PostgreSQL does not take, and no more than anything is long."""
    return words.replace("\x00", "").strip()[:LONGEST]


def is_number(words: str) -> bool:
    """Whether it may be the number of a row."""
    return words.isascii() and words.isdigit() and len(words) < 19


def people(words: str, *, by_address: bool, most: int = MOST) -> list[int]:
    """Ids of users whose name or shown name begins so, or with `by_address` one of their addresses. Unordered."""
    words = clean(words)
    asked = questions(words, by_address=by_address) if words else []
    return list(dict.fromkeys(pk for rows in asked for pk in rows[:most]))


def questions(words: str, *, by_address: bool) -> list[QuerySet[Any, int]]:
    """The looks into indexes of which the answers are people."""
    columns = ["username", "display_name", *(["email"] if by_address else [])]
    asked = [rows for column in columns for rows in _beginning(User, column, words)]
    return [*asked, _by_any_address(words)] if by_address else asked


def accounts(words: str, *, by_address: bool, most: int = MOST) -> list[int]:
    """Ids of accounts that are called so, or that somebody who is called so is a member of. Unordered."""
    words = clean(words)
    if not words:
        return []
    members = people(words, by_address=by_address, most=most)
    theirs = Membership.objects.filter(user__in=members).values_list("account_id", flat=True)
    asked = [*_beginning(Account, "name", words), theirs]
    return list(dict.fromkeys(pk for rows in asked for pk in rows[:most]))


def _beginning(model: type[User | Account], column: str, words: str) -> list[QuerySet[Any, int]]:
    rows: QuerySet[Any] = model._default_manager.order_by()
    return [
        rows.filter(**{f"{column}__{lookup}": words}).values_list("pk", flat=True)
        for lookup in ("iexact", "istartswith")
    ]


def _by_any_address(words: str) -> QuerySet[Any, int]:
    """Of addresses, which allauth keeps in small letters, by the index that it gave them."""
    low = words.lower()
    rows = EmailAddress.objects.order_by()
    if connection.vendor == "postgresql":
        rows = rows.filter(email__startswith=low)
    else:
        # SQLite compares bytes here, and has no index for a LIKE.
        rows = rows.filter(email__gte=low, email__lt=f"{low}\U0010ffff")
    return rows.values_list("user_id", flat=True)
