"""Audit of items: every output has one, owned by the owner of its prediction, and present in the search index."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db.models import F, Q

from core.db.invariants import Breach, in_batches
from gallery.models import Item
from predictions.models import Output, Status


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """Inconsistencies of items; each is one that `manage.py audit` reports."""
    yield from _outputs_without_item()
    yield from _wrongly_owned_items()
    yield from _unindexed_items()


def checked() -> dict[str, int]:
    """Number of rows checked, by kind."""
    return {"items": Item.objects.count()}


def _outputs_without_item() -> Iterator[Breach]:
    # The item is inserted in the transaction that ends the prediction, so it is never merely late.
    alone = Output.objects.filter(prediction__status=Status.SUCCEEDED, item__isnull=True)
    for output in in_batches(alone.select_related("prediction").defer("blur")):
        if alone.filter(pk=output.pk).exists():
            yield Breach("item", f"{output.prediction.public_id}/{output.name}", "has no item in the gallery")


def _wrongly_owned_items() -> Iterator[Breach]:
    same = Q(account=F("output__prediction__account"), user=F("output__prediction__user"))
    for item in in_batches(Item.objects.exclude(same)):
        yield Breach("item", item.public_id, "belongs to somebody else than its prediction")


def _unindexed_items() -> Iterator[Breach]:
    # An item queued for indexing is merely late; any other has a row, written in the transaction that cleared
    # the queue mark.
    forgotten = Item.objects.filter(search_owed=False, search_row__isnull=True)
    for item in in_batches(forgotten):
        mend = partial(_queue_for_indexing, item.pk)
        yield Breach("search", item.public_id, "is not in the search index, and nobody owes it", mend)


def _queue_for_indexing(item: int) -> str:
    Item.objects.filter(pk=item).update(search_owed=True)
    return "will be put into the search index"
