"""Write operations on collections: create, describe, fill, empty, publish, delete.

Items stay with their owners. Callers find the collection by `querysets.owned` or `querysets.edited`, which
check access; here is checked what the rows allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from accounts.models import Account, User
from accounts.site import feature_flags
from core.clock import Now
from gallery import safe_text
from gallery.collections import positions
from gallery.collections.positions import Gone
from gallery.collections.querysets import editable
from gallery.models import Collection, CollectionEditor, CollectionItem, Item, Report, ShareLink
from gallery.permissions import Suspended, check_may_post

__all__ = [
    "MAX_COLLECTIONS",
    "MAX_DESCRIPTION",
    "MAX_ITEMS",
    "MAX_TITLE",
    "Gone",
    "Hidden",
    "NoTitle",
    "Suspended",
    "TooManyCollections",
    "TooManyItems",
    "add",
    "create",
    "delete",
    "describe",
    "editable",
    "remove",
    "remove_own_item",
    "set_cover",
    "set_visibility",
]
MAX_COLLECTIONS = 500
"""Per account."""
MAX_ITEMS = 10_000
"""Per collection."""
MAX_TITLE = 120
MAX_DESCRIPTION = 2000
_AT_ONCE = 400
_Row = TypeVar("_Row")


class NoTitle(ValueError):
    """The title is empty or has no visible character."""


class Hidden(Exception):
    """A moderator hid the collection; it can't be published until it is restored."""


class TooManyCollections(Exception):
    """The account already has MAX_COLLECTIONS."""


class TooManyItems(Exception):
    """The collection would hold more than MAX_ITEMS."""


def create(user: User, title: str) -> Collection:
    """Create a private collection. Raises NoTitle, Suspended, TooManyCollections."""
    line = _title(title)
    with transaction.atomic():
        account = _open_account(user)
        if Collection.objects.filter(account=account).count() >= MAX_COLLECTIONS:
            raise TooManyCollections
        return Collection.objects.create(account=account, user=user, title=line)


def describe(collection: Collection, *, title: str, description: str, by: User | None = None) -> None:
    """Change title and description. Raises NoTitle, and Muted for a collection that others see."""
    if collection.visibility != Collection.Visibility.PRIVATE:
        check_may_post(by or collection.user)
    Collection.objects.filter(pk=collection.pk).update(
        title=_title(title), description=safe_text.paragraphs(description, MAX_DESCRIPTION), changed_at=Now()
    )


def set_visibility(collection: Collection, visibility: str, by: User | None = None) -> None:
    """Make it private, unlisted or public; publishing it publishes none of its items.

    Raises Hidden, Suspended, and ValueError for an unknown visibility.
    """
    wanted = Collection.Visibility(visibility)
    rows = Collection.objects.filter(pk=collection.pk)
    if wanted == Collection.Visibility.PRIVATE:
        rows.update(visibility=wanted, published_at=None, changed_at=Now())
        return
    feature_flags.require("publishing")
    if not Account.objects.filter(pk=collection.account_id, status=Account.Status.ACTIVE).exists():
        raise Suspended
    check_may_post(by or collection.user)
    # Keep the first publication time, so that publishing again doesn't move it to the top of the lists.
    changed = rows.filter(hidden_at__isnull=True).update(
        visibility=wanted, published_at=Coalesce(F("published_at"), Now()), changed_at=Now()
    )
    if not changed:
        raise Hidden


def add(collection: Collection, items: Iterable[Item], user: User) -> int:
    """Append items in the order given and return how many were new. Items of other accounts or in the trash are
    skipped.

    Raises Gone, Suspended where the user's account is closed, TooManyItems where not all of them would fit.
    """
    with positions.locked(collection) as now:
        account = user.account
        if account is None or account.status != Account.Status.ACTIVE:
            raise Suspended
        if now.visibility != Collection.Visibility.PRIVATE or now.account_id != user.account_id:
            check_may_post(user)
        # The user may have lost access while this waited for the lock.
        if not editable(user).filter(pk=now.pk).exists():
            raise Gone
        wanted = list(dict.fromkeys(item.pk for item in items))
        fresh = _addable(now, account, wanted)
        if now.entries.count() + len(fresh) > MAX_ITEMS:
            raise TooManyItems
        place = positions.last_place(now)
        CollectionItem.objects.bulk_create(
            [
                CollectionItem(
                    collection=now, item_id=pk, place=place + number * positions.GAP, added_by=user
                )
                for number, pk in enumerate(fresh, start=1)
            ],
            batch_size=_AT_ONCE,
        )
    return len(fresh)


def _addable(collection: Collection, account: Account, wanted: Sequence[int]) -> list[int]:
    """The items among these that are the account's own, not in the trash and not yet in the collection."""
    candidates: list[int] = []
    for batch in _batches(wanted):
        own_ids = set(Item.objects.owned_by(account).filter(pk__in=batch).values_list("pk", flat=True))
        own_ids -= set(collection.entries.filter(item__in=batch).values_list("item_id", flat=True))
        candidates += [pk for pk in batch if pk in own_ids]
    return candidates


def remove(collection: Collection, public_ids: Sequence[str]) -> int:
    """Take items out by their public ids and return how many were in it. The items themselves stay. Raises
    Gone."""
    removed = 0
    with positions.locked(collection) as now:
        for batch in _batches(public_ids):
            items = list(now.entries.filter(item__public_id__in=batch).values_list("item_id", flat=True))
            removed += _take_out(now, Q(item__in=items))
    return removed


def remove_own_item(item: Item, collection: Collection) -> bool:
    """Take an own item out of any collection, whoever owns that. Returns whether it was in it."""
    try:
        with positions.locked(collection) as now:
            return bool(_take_out(now, Q(item=item)))
    except Gone:
        return False


def _take_out(collection: Collection, condition: Q) -> int:
    entries = collection.entries.filter(condition)
    if collection.cover_id is not None and entries.filter(item=collection.cover_id).exists():
        Collection.objects.filter(pk=collection.pk).update(cover=None)
    return entries.delete()[0]


def set_cover(collection: Collection, item: Item) -> None:
    """Set the cover. Raises Gone where the item isn't in the collection."""
    with positions.locked(collection) as now:
        if not now.entries.filter(item=item).exists():
            raise Gone
        Collection.objects.filter(pk=now.pk).update(cover=item)


def delete(collection: Collection) -> None:
    """Delete the collection with its share links; the items stay. Deleting twice does no harm."""
    with transaction.atomic():
        rows = Collection.objects.select_for_update().filter(pk=collection.pk)
        if rows.first() is None:
            return
        Report.objects.filter(collection=collection).delete()
        for kind in (ShareLink, CollectionEditor, CollectionItem):
            kind.objects.filter(collection=collection).delete()
        rows.delete()


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """The rows in batches small enough for one query's parameters."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _open_account(user: User) -> Account:
    """The user's account, locked so that concurrent requests count the same rows. Raises Suspended."""
    rows = Account.objects.select_for_update()
    account = rows.filter(pk=user.account_id).first() if user.account_id is not None else None
    if account is None or account.status != Account.Status.ACTIVE:
        raise Suspended
    return account


def _title(text: str) -> str:
    line = safe_text.line(text, MAX_TITLE)
    if safe_text.is_blank(line):
        raise NoTitle
    return line
