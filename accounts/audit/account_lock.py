"""Re-check audit suspects under the account's lock, so that nothing moves between suspicion and confirmation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Account
from core.db.invariants import Row, in_batches


def confirmed(suspects: QuerySet[Row], account_of: Callable[[Row], int]) -> Iterator[Row]:
    """The suspects that still match the query while their account is locked."""
    for suspect in in_batches(suspects):
        current = under_lock(account_of(suspect), suspects.filter(pk=suspect.pk).first)
        if current is not None:
            yield current


Answer = TypeVar("Answer")


def under_lock(account_id: int, query: Callable[[], Answer]) -> Answer:
    """Call `ask` while the account's row is locked."""
    with transaction.atomic():
        Account.objects.select_for_update().filter(pk=account_id).first()
        return query()
