"""What follows from an item being hidden or in the trash: whether its file is withheld, and where its tags stand."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q

from gallery.items import item_tags
from gallery.live import broadcast
from gallery.models import Item
from predictions.models import Output

_KEPT_BACK = Q(hidden_at__isnull=False) | Q(trashed_at__isnull=False)


def propagate(item_ids: Sequence[int]) -> None:
    """Put right what hangs on these items' state; in the transaction that changed it, for at most some hundreds.

    The address that the API gave out is withheld for both reasons: only the owner's session or token still opens it.
    """
    kept_back = Exists(Item.objects.filter(_KEPT_BACK, output=OuterRef("pk")))
    Output.objects.filter(item__in=item_ids).update(withheld=kept_back)
    item_tags.relist(item_ids)
    broadcast.items_changed(item_ids)
