"""The trash: items leave every list at once, can be restored for some weeks, then are deleted with their files.

An item in the trash keeps its title, tags, collections, share links and visibility, but nobody else sees any of
it. Its owner still opens the file; to others the URLs of pictures and outputs answer 404.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import transaction

from accounts.models import Account
from core.clock import Now, after
from gallery.items import deletion, visibility
from gallery.models import Item, ItemQuerySet

log = structlog.get_logger(__name__)
BATCH = 200
"""Items per transaction."""
DELETED_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""The `trashed_at` of items deleted for good that wait for the background job: no list shows them, and nothing
restores them."""
AT_ONCE = 25
"""Items deleted for good during the request; the rest is left to the background job."""
_stuck: deque[int] = deque(maxlen=500)


def lifetime_s() -> float:
    """Seconds that an item stays in the trash."""
    return settings.TRASH_DAYS * 86400.0


def items_of(account: Account) -> ItemQuerySet:
    """The account's items in the trash that can still be restored."""
    return Item.objects.trashed_by(account).filter(trashed_at__gt=DELETED_AT)


def now() -> datetime:
    """The database's present time. Items trashed together share it, and are restored together by it."""
    moment = Account.objects.values_list(Now(), flat=True).first()
    assert isinstance(moment, datetime)
    return moment


def move(account: Account, items: Iterable[Item], *, at: datetime | None = None) -> int:
    """Move own items to the trash; returns how many. Others' items and those already there are left alone."""
    return move_ids(account, [item.pk for item in items], at=at)


def move_ids(account: Account, ids: Sequence[int], *, at: datetime | None = None) -> int:
    """As `move`, by primary keys, in batches of one transaction each."""
    at = at or now()
    return sum(_move(account, ids[start : start + BATCH], at) for start in range(0, len(ids), BATCH))


def _move(account: Account, ids: Sequence[int], at: datetime) -> int:
    with transaction.atomic():
        rows = Item.objects.owned_by(account).filter(pk__in=ids)
        pks = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        if not pks:
            return 0
        changed = rows.filter(pk__in=pks).update(trashed_at=at, search_owed=True)
        visibility.propagate(pks)
    return changed


def restore(account: Account, ids: Iterable[str]) -> int:
    """Restore items by their public ids, as they were; returns how many."""
    public_ids = list(ids)
    return sum(
        _restore(account, items_of(account).filter(public_id__in=public_ids[start : start + BATCH]))
        for start in range(0, len(public_ids), BATCH)
    )


def restore_moved_at(account: Account, at: datetime, most: int = 10_000) -> int:
    """Restore what was trashed together at that moment; returns how many."""
    restored = 0
    while restored < most:
        count = _restore(account, items_of(account).filter(trashed_at=at))
        if not count:
            break
        restored += count
    return restored


def _restore(account: Account, items: ItemQuerySet) -> int:
    with transaction.atomic():
        pks = list(items.select_for_update().order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not pks:
            return 0
        changed = items_of(account).filter(pk__in=pks).update(trashed_at=None, search_owed=True)
        visibility.propagate(pks)
    return changed


def delete_now(account: Account, ids: Iterable[str]) -> int:
    """Delete items in the trash for good, by their public ids; returns how many. They can't be restored from
    then on."""
    public_ids = list(ids)
    count = 0
    for start in range(0, len(public_ids), BATCH):
        count += (
            items_of(account)
            .filter(public_id__in=public_ids[start : start + BATCH])
            .update(trashed_at=DELETED_AT)
        )
    _remove_first(account)
    return count


def empty(account: Account) -> int:
    """Delete all of the account's trash for good; returns how many. They can't be restored from then on."""
    count = items_of(account).update(trashed_at=DELETED_AT)
    _remove_first(account)
    return count


def _remove_first(account: Account) -> None:
    """Remove the first few during the request, so that a small deletion is complete when the page says so."""
    _remove(Item.objects.trashed_by(account).filter(trashed_at__lte=DELETED_AT), AT_ONCE)


def remove_old() -> bool:
    """Background job: remove some of what is expired or deleted for good. Returns whether there was any."""
    return _remove(expired(), AT_ONCE) > 0


def expired() -> ItemQuerySet:
    """Items that are expired or deleted for good."""
    return Item.objects.filter(trashed_at__isnull=False, trashed_at__lte=after(-lifetime_s()))


def _remove(items: ItemQuerySet, most: int) -> int:
    removed = 0
    for item in items.exclude(pk__in=_stuck).order_by("trashed_at", "id")[:most]:
        try:
            deletion.delete(item, from_trash=True)
        except Exception:
            # Skip a failing one until the next start of the process, so that it does not block the others.
            log.exception("trash_not_removed", item=item.public_id)
            _stuck.append(item.pk)
        else:
            removed += 1
    return removed
