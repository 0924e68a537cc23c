"""Telling open pages at once that items changed. Optional, as every hint: without it pages see it when they next read.

New items and everything about predictions need no telling: the looks at the database find them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from django.db import transaction

from predictions.running import hints

MOST = 100
"""Items told of one deed; of more the pages hear of the first ones and read the rest with them."""


def items_changed(account_id: int, public_ids: Iterable[str]) -> None:
    """Say, once the transaction has committed, that these items of the account are new, changed or gone."""
    for _number, public_id in zip(range(MOST), public_ids, strict=False):
        transaction.on_commit(partial(hints.give, hints.ITEMS, f"{account_id}.{public_id}"))


def parse(hint: str) -> tuple[int, str] | None:
    """Account and public id of a hint; None where it is none of ours."""
    account, dot, public_id = hint.partition(".")
    if not dot or not account.isascii() or not account.isdigit() or len(account) > 19 or not public_id:
        return None
    return int(account), public_id
