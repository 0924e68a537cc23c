"""Checks that every output has its item, and that an item belongs to whom its prediction belongs."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Q

from accounts.audit import Breach, in_batches
from gallery.models import Item
from predictions.models import Output, Status


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """What is wrong with items."""
    yield from _outputs_without_item()
    yield from _items_of_others()


def checked() -> dict[str, int]:
    """How much there was to check."""
    return {"items": Item.objects.count()}


def _outputs_without_item() -> Iterator[Breach]:
    # The item comes in the transaction that ends the prediction, so it is never merely late.
    alone = Output.objects.filter(prediction__status=Status.SUCCEEDED, item__isnull=True)
    for output in in_batches(alone.select_related("prediction").defer("blur")):
        if alone.filter(pk=output.pk).exists():
            yield Breach("item", f"{output.prediction.public_id}/{output.name}", "has no item in the gallery")


def _items_of_others() -> Iterator[Breach]:
    same = Q(account=F("output__prediction__account"), user=F("output__prediction__user"))
    for item in in_batches(Item.objects.exclude(same)):
        yield Breach("item", item.public_id, "belongs to somebody else than its prediction")
