"""Delete an item for good: its links, its row, its output and every file of it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from gallery.models import (
    Collection,
    CollectionItem,
    Comment,
    Item,
    ItemTag,
    Like,
    Report,
    SearchRow,
    ShareLink,
)
from predictions import lifecycle
from predictions.files import media
from predictions.models import Output, Prediction


def delete(item: Item, *, from_trash: bool = False, spare_file: bool = False) -> bool:
    """Remove rows and doom files in one transaction; the sweep removes the bytes. Deleting twice does no harm.

    When the prediction has no output left, its input, logs and result go too; the ledger and the bare row stay.
    With `from_trash` it stays if it was brought back meanwhile. With `spare_file` the whole file (not what was made of
    it) is left to the caller, who owns it in the same transaction. Whether this call removed it.
    """
    with transaction.atomic():
        owner = Output.objects.filter(pk=item.output_id).values_list("prediction_id", flat=True).first()
        if owner is None:
            return False
        # The prediction's lock first: two outputs deleted at once must agree on which of them is the last.
        prediction = Prediction.objects.select_for_update().only("pk").get(pk=owner)
        output = Output.objects.select_related("file", "small", "medium").filter(pk=item.output_id).first()
        if output is None:
            return False
        item = Item.objects.select_related("rendition").select_for_update(of=("self",)).get(output=output)
        if from_trash and not item.in_trash:
            return False
        kept = (None if spare_file else output.file, output.small, output.medium, item.rendition)
        files = [file for file in kept if file is not None]
        _remove_rows(output)
        output.delete()
        media.doom(files)
        if not prediction.outputs.exists():
            lifecycle.remove_data(prediction.pk)
    return True


def _remove_rows(output: Output) -> None:
    """The item of an output, and all that hangs on it."""
    Report.objects.filter(Q(item__output=output) | Q(comment__item__output=output)).delete()
    for kind in (Comment, Like, ItemTag, CollectionItem, ShareLink, SearchRow):
        kind.objects.filter(item__output=output).delete()
    Collection.objects.filter(cover__output=output).update(cover=None)
    Item.objects.filter(output=output).delete()
