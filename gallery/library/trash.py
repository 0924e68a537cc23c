"""The trash: out of every list at once, back as it was for some weeks, then gone with its files.

An item in the trash keeps its title, tags, collections, links and whether it is public; only nobody else sees any of
it. Its owner still opens the file; to others the addresses of pictures and of outputs answer 404.
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
"""Items that one transaction moves."""
GONE = datetime(2000, 1, 1, tzinfo=UTC)
"""The age of what was deleted for good and waits for the chore: no list shows it, and nothing brings it back."""
AT_ONCE = 25
"""Items that are deleted for good while the owner waits; the rest goes by the chore."""
_stuck: deque[int] = deque(maxlen=500)


def life_s() -> float:
    """Seconds that an item stays in the trash."""
    return settings.TRASH_DAYS * 86400.0


def items_of(account: Account) -> ItemQuerySet:
    """What the account's owner may still bring back."""
    return Item.objects.trashed_by(account).filter(trashed_at__gt=GONE)


def now() -> datetime:
    """The database's present moment: one for all that is moved together, by which it is brought back together."""
    moment = Account.objects.values_list(Now(), flat=True).first()
    assert isinstance(moment, datetime)
    return moment


def move(account: Account, items: Iterable[Item], *, at: datetime | None = None) -> int:
    """Put own items into the trash; how many went. Others' items, and what is there already, are left as they are."""
    return move_ids(account, [item.pk for item in items], at=at)


def move_ids(account: Account, ids: Sequence[int], *, at: datetime | None = None) -> int:
    """As `move`, by the rows' numbers, in batches of one transaction each."""
    at = at or now()
    return sum(_move(account, ids[start : start + BATCH], at) for start in range(0, len(ids), BATCH))


def _move(account: Account, ids: Sequence[int], at: datetime) -> int:
    with transaction.atomic():
        mine = Item.objects.owned_by(account).filter(pk__in=ids)
        going = list(mine.select_for_update().order_by("pk").values_list("pk", flat=True))
        if not going:
            return 0
        changed = mine.filter(pk__in=going).update(trashed_at=at, search_owed=True)
        visibility.propagate(going)
    return changed


def restore(account: Account, ids: Iterable[str]) -> int:
    """Bring items back by their public ids, as they were; how many came."""
    wanted = list(ids)
    return sum(
        _restore(account, items_of(account).filter(public_id__in=wanted[start : start + BATCH]))
        for start in range(0, len(wanted), BATCH)
    )


def restore_moved_at(account: Account, at: datetime, most: int = 10_000) -> int:
    """Bring back what was moved at that moment, together; how many came."""
    came = 0
    while came < most:
        some = _restore(account, items_of(account).filter(trashed_at=at))
        if not some:
            break
        came += some
    return came


def _restore(account: Account, items: ItemQuerySet) -> int:
    with transaction.atomic():
        coming = list(items.select_for_update().order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not coming:
            return 0
        changed = items_of(account).filter(pk__in=coming).update(trashed_at=None, search_owed=True)
        visibility.propagate(coming)
    return changed


def delete_now(account: Account, ids: Iterable[str]) -> int:
    """Delete items of the trash for good, by their public ids; how many. From now on nothing brings them back."""
    wanted = list(ids)
    gone = 0
    for start in range(0, len(wanted), BATCH):
        gone += items_of(account).filter(public_id__in=wanted[start : start + BATCH]).update(trashed_at=GONE)
    _begin(account)
    return gone


def empty(account: Account) -> int:
    """Delete all of the account's trash for good; how many. From now on nothing brings them back."""
    gone = items_of(account).update(trashed_at=GONE)
    _begin(account)
    return gone


def _begin(account: Account) -> None:
    """Remove the first few at once, so that a small deletion is complete when it is said to be."""
    _remove(Item.objects.trashed_by(account).filter(trashed_at__lte=GONE), AT_ONCE)


def remove_old() -> bool:
    """The chore: some of what is past its time, or deleted for good already. Whether there was any."""
    return _remove(old(), AT_ONCE) > 0


def old() -> ItemQuerySet:
    """What is past its time, or deleted for good already."""
    return Item.objects.filter(trashed_at__isnull=False, trashed_at__lte=after(-life_s()))


def _remove(items: ItemQuerySet, most: int) -> int:
    removed = 0
    for item in items.exclude(pk__in=_stuck).order_by("trashed_at", "id")[:most]:
        try:
            deletion.delete(item, from_trash=True)
        except Exception:
            # One that cannot go steps aside until the next start, so that it does not stand before all others.
            log.exception("trash_not_removed", item=item.public_id)
            _stuck.append(item.pk)
        else:
            removed += 1
    return removed
