"""Hiding and restoring items. A hidden item leaves every public place at once, and its file goes to its owner alone."""

from __future__ import annotations

from django.db import transaction

from accounts.clock import Now
from gallery.models import Item
from predictions.models import Output


def hide(item: Item, reason: str) -> bool:
    """Hide it, with a reason that its owner sees. False where it was hidden already."""
    with transaction.atomic():
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=True).update(
            hidden_at=Now(), hidden_reason=reason.strip()[:200]
        )
        Output.objects.filter(pk=item.output_id).update(withheld=True)
    return changed == 1


def restore(item: Item) -> bool:
    """Show it again where it was shown before. False where it was not hidden."""
    with transaction.atomic():
        changed = Item.objects.filter(pk=item.pk, hidden_at__isnull=False).update(
            hidden_at=None, hidden_reason=""
        )
        Output.objects.filter(pk=item.output_id).update(withheld=False)
    return changed == 1
