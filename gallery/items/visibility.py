"""What follows from an item being hidden or trashed: its output URL is withheld and its tags unlisted."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q

from gallery.items import item_tags
from gallery.live import broadcast
from gallery.models import Item
from predictions.models import Output

_WITHHELD = Q(hidden_at__isnull=False) | Q(trashed_at__isnull=False)


def propagate(item_ids: Sequence[int]) -> None:
    """Update what depends on these items' state; in the transaction that changed it, for a few hundred items at
    most.

    A hidden or trashed item's output URL, which the API gave out, then opens only with its owner's session or
    token.
    """
    withheld = Exists(Item.objects.filter(_WITHHELD, output=OuterRef("pk")))
    Output.objects.filter(item__in=item_ids).update(withheld=withheld)
    item_tags.update_listing(item_ids)
    broadcast.items_changed(item_ids)
