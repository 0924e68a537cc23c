"""What members do with collections: make, describe, fill, empty, open to others, delete. The items stay whose they are.

Whoever calls has found the collection by `seeing.owned` or `seeing.edited`; here is checked what the rows allow.
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
    "set_cover",
    "show_to",
    "take_back",
]
MAX_COLLECTIONS = 500
"""Of one account."""
MAX_ITEMS = 10_000
"""In one collection."""
MAX_TITLE = 120
MAX_DESCRIPTION = 2000
_AT_ONCE = 400
_One = TypeVar("_One")


class NoTitle(ValueError):
    """Nothing of the title would be seen."""


class Hidden(Exception):
    """A moderator hid the collection: it is not shown to others until it is shown again."""


class TooManyCollections(Exception):
    """The account has MAX_COLLECTIONS of them."""


class TooManyItems(Exception):
    """The collection would hold more than MAX_ITEMS."""


def create(user: User, title: str) -> Collection:
    """A new private collection. Raises NoTitle, Suspended, TooManyCollections."""
    line = _title(title)
    with transaction.atomic():
        account = _open_account(user)
        if Collection.objects.filter(account=account).count() >= MAX_COLLECTIONS:
            raise TooManyCollections
        return Collection.objects.create(account=account, user=user, title=line)


def describe(collection: Collection, *, title: str, description: str, by: User | None = None) -> None:
    """Change its words. Raises NoTitle, and Muted for one that others see."""
    if collection.visibility != Collection.Visibility.PRIVATE:
        check_may_post(by or collection.user)
    Collection.objects.filter(pk=collection.pk).update(
        title=_title(title), description=safe_text.paragraphs(description, MAX_DESCRIPTION), changed_at=Now()
    )


def show_to(collection: Collection, visibility: str, by: User | None = None) -> None:
    """Make it private, unlisted or public; opening it opens none of its items.

    Raises Hidden, Suspended, and ValueError for a visibility that is none.
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
    # The first time counts: an edit must not push it to the top of the lists again.
    changed = rows.filter(hidden_at__isnull=True).update(
        visibility=wanted, published_at=Coalesce(F("published_at"), Now()), changed_at=Now()
    )
    if not changed:
        raise Hidden


def add(collection: Collection, items: Iterable[Item], user: User) -> int:
    """Put items at the end, in their order; how many were new. Those of other accounts or in the trash are left out.

    Raises Gone, Suspended where the user's account is closed, TooManyItems where not all of them would fit.
    """
    with positions.locked(collection) as now:
        account = user.account
        if account is None or account.status != Account.Status.ACTIVE:
            raise Suspended
        if now.visibility != Collection.Visibility.PRIVATE or now.account_id != user.account_id:
            check_may_post(user)
        # One who may change it no more while this waited for the lock adds nothing.
        if not editable(user).filter(pk=now.pk).exists():
            raise Gone
        wanted = list(dict.fromkeys(item.pk for item in items))
        fresh = _fresh(now, account, wanted)
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


def _fresh(collection: Collection, account: Account, wanted: Sequence[int]) -> list[int]:
    """Those of these items that are the account's own, not in the trash and not in the collection yet."""
    found: list[int] = []
    for some in _some(wanted):
        own = set(Item.objects.owned_by(account).filter(pk__in=some).values_list("pk", flat=True))
        own -= set(collection.entries.filter(item__in=some).values_list("item_id", flat=True))
        found += [pk for pk in some if pk in own]
    return found


def remove(collection: Collection, public_ids: Sequence[str]) -> int:
    """Take items out, by their public ids; how many were in it. The items themselves stay. Raises Gone."""
    removed = 0
    with positions.locked(collection) as now:
        for some in _some(public_ids):
            items = list(now.entries.filter(item__public_id__in=some).values_list("item_id", flat=True))
            removed += _take_out(now, Q(item__in=items))
    return removed


def take_back(item: Item, collection: Collection) -> bool:
    """Take an own item out of whatever collection it is in, one's own or not; whether it was in it."""
    try:
        with positions.locked(collection) as now:
            return bool(_take_out(now, Q(item=item)))
    except Gone:
        return False


def _take_out(collection: Collection, which: Q) -> int:
    entries = collection.entries.filter(which)
    if collection.cover_id is not None and entries.filter(item=collection.cover_id).exists():
        Collection.objects.filter(pk=collection.pk).update(cover=None)
    return entries.delete()[0]


def set_cover(collection: Collection, item: Item) -> None:
    """Let one of its items stand for it. Raises Gone where the item is not in it."""
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


def _some(rows: Sequence[_One]) -> Iterator[Sequence[_One]]:
    """As many at a time as one query takes."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _open_account(user: User) -> Account:
    """The user's account, locked so that two at once count the same rows. Raises Suspended."""
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
