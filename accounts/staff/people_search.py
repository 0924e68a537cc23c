"""Find users and accounts by the beginning of their name or address, in tables of any size.

Each column is queried alone with a row limit, so that each query is one lookup in its prefix index (`PrefixIndex`);
combined, or joined to another table, they would scan. Exact matches are always included.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.db import connection
from django.db.models import QuerySet

from accounts.models import Account, Membership, User

MAX_ROWS = 200
"""Most rows found by each column."""
MAX_LENGTH = 200


def clean(query: str) -> str:
    """Normalised search text: without NUL, which PostgreSQL rejects, and shortened."""
    return query.replace("\x00", "").strip()[:MAX_LENGTH]


def is_number(query: str) -> bool:
    """Whether the text may be a primary key."""
    return query.isascii() and query.isdigit() and len(query) < 19


def user_ids(query: str, *, by_address: bool, most: int = MAX_ROWS) -> list[int]:
    """Ids of users whose username or display name starts with the text. Unordered.

    With `by_address` also those with such an e-mail address.
    """
    query = clean(query)
    queries = user_queries(query, by_address=by_address) if query else []
    return list(dict.fromkeys(pk for rows in queries for pk in rows[:most]))


def user_queries(query: str, *, by_address: bool) -> list[QuerySet[Any, int]]:
    """The index lookups whose results are users."""
    columns = ["username", "display_name", *(["email"] if by_address else [])]
    queries = [rows for column in columns for rows in _beginning(User, column, query)]
    return [*queries, _by_any_address(query)] if by_address else queries


def account_ids(query: str, *, by_address: bool, most: int = MAX_ROWS) -> list[int]:
    """Ids of accounts whose name starts with the text, or with a member that matches. Unordered."""
    query = clean(query)
    if not query:
        return []
    members = user_ids(query, by_address=by_address, most=most)
    of_members = Membership.objects.filter(user__in=members).values_list("account_id", flat=True)
    queries = [*_beginning(Account, "name", query), of_members]
    return list(dict.fromkeys(pk for rows in queries for pk in rows[:most]))


def _beginning(model: type[User | Account], column: str, query: str) -> list[QuerySet[Any, int]]:
    rows: QuerySet[Any] = model._default_manager.order_by()
    return [
        rows.filter(**{f"{column}__{lookup}": query}).values_list("pk", flat=True)
        for lookup in ("iexact", "istartswith")
    ]


def _by_any_address(query: str) -> QuerySet[Any, int]:
    """By allauth's addresses, which are stored in lower case, with its index on them."""
    low = query.lower()
    rows = EmailAddress.objects.order_by()
    if connection.vendor == "postgresql":
        rows = rows.filter(email__startswith=low)
    else:
        # SQLite cannot use an index for LIKE; this range is compared bytewise.
        rows = rows.filter(email__gte=low, email__lt=f"{low}\U0010ffff")
    return rows.values_list("user_id", flat=True)
