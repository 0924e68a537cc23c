"""Checks that every output has its item, that it belongs to whom its prediction belongs, and that it can be found."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db.models import F, Q

from core.db.invariants import Breach, in_batches
from gallery.models import Item
from predictions.models import Output, Status


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """What is wrong with items."""
    yield from _outputs_without_item()
    yield from _items_of_others()
    yield from _items_that_search_forgot()


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


def _items_that_search_forgot() -> Iterator[Breach]:
    # What is owed is merely late; the rest has its row, written together with the note that nothing is owed.
    forgotten = Item.objects.filter(search_owed=False, search_row__isnull=True)
    for item in in_batches(forgotten):
        mend = partial(_owe, item.pk)
        yield Breach("search", item.public_id, "is not in the search index, and nobody owes it", mend)


def _owe(item: int) -> str:
    Item.objects.filter(pk=item).update(search_owed=True)
    return "will be put into the search index"
