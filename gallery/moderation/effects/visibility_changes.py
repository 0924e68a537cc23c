"""Hiding and restoring items and collections.

A hidden item leaves every public place at once, and its file is served to its owner alone; its tags are
unlisted and its search row is queued for update. A hidden collection has no public page and no share links; its
items are unaffected.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Subquery

from accounts.models import Sanction
from core.clock import Now
from gallery.items import visibility
from gallery.live import broadcast
from gallery.models import AccountDeed, Collection, Item

LONGEST_REASON = 200
"""Characters of the reason that the owner reads."""


def hide(item: Item, reason: str) -> bool:
    """Hide it, with a reason that its owner reads. False where it was hidden already."""
    with transaction.atomic():
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=True).update(
            hidden_at=Now(), hidden_reason=reason.strip()[:LONGEST_REASON], search_owed=True
        )
        visibility.propagate([item.pk])
    return changed == 1


def hide_separately(item: Item, reason: str) -> dict[str, Any] | None:
    """Hide for its own reason an item that a bulk hide or a ban hides, so that it stays hidden when those are
    undone.

    In a transaction, with the item locked. Returns what it was hidden for, as `undo_hide_separately` takes it; None for
    any other item.
    """
    operation = AccountDeed.objects.filter(user=OuterRef("user"), of=None, created_at=OuterRef("hidden_at"))
    rows = Item.objects.filter(pk=item.pk, hidden_at__isnull=False)
    found = rows.annotate(deed=Subquery(operation.values("pk")[:1])).values(
        "hidden_for_id", "deed", "hidden_reason"
    )
    before = found.first()
    if before is None or (before["hidden_for_id"] is None and before["deed"] is None):
        return None
    rows.update(hidden_at=Now(), hidden_reason=reason.strip()[:LONGEST_REASON], hidden_for=None)
    return {"ban": before["hidden_for_id"], "deed": before["deed"], "reason": before["hidden_reason"]}


def undo_hide_separately(item: Item, before: dict[str, Any]) -> None:
    """Undo `hide_separately`: hidden by the ban or bulk hide again, or shown where those were undone meanwhile."""
    rows = Item.objects.filter(pk=item.pk, hidden_at__isnull=False)
    ban = Sanction.objects.filter(pk=before["ban"] or 0, lifted_at__isnull=True).first()
    operation = AccountDeed.objects.filter(pk=before["deed"] or 0, taken_back__isnull=True).first()
    if ban is not None:
        rows.update(hidden_for=ban, hidden_reason=before["reason"])
    elif operation is not None:
        rows.update(hidden_at=operation.created_at, hidden_reason=before["reason"])
    else:
        restore(item)


def restore(item: Item) -> bool:
    """Show it again where it was shown before. False where it was not hidden.

    A refused item stays hidden until the refusal is undone (`review.undo_hiding`).
    """
    with transaction.atomic():
        rows = Item.objects.filter(pk=item.pk, hidden_at__isnull=False).exclude(review=Item.Review.REFUSED)
        changed = rows.update(hidden_at=None, hidden_reason="", hidden_for=None, search_owed=True)
        visibility.propagate([item.pk])
    return changed == 1


def hide_collection(collection: Collection, reason: str) -> bool:
    """Hide a collection, with a reason that its owner reads. False where it was hidden already."""
    rows = Collection.objects.filter(pk=collection.pk, hidden_at__isnull=True)
    return bool(rows.update(hidden_at=Now(), hidden_reason=reason.strip()[:LONGEST_REASON]))


def restore_collection(collection: Collection) -> bool:
    """Show it again to whom it was shown before. False where it was not hidden."""
    rows = Collection.objects.filter(pk=collection.pk, hidden_at__isnull=False)
    return bool(rows.update(hidden_at=None, hidden_reason=""))


def mark_sensitive(item: Item, sensitive: bool = True) -> bool:
    """Set or clear the sensitive mark, on a moderator's decision. False where nothing changed."""
    with transaction.atomic():
        changed = Item.objects.filter(pk=item.pk, sensitive=not sensitive).update(
            sensitive=sensitive, search_owed=True, rendition_owed=True
        )
        broadcast.items_changed([item.pk])
    return changed == 1
