"""Deletes an item for good: share links, row, output and all files."""

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
    """Delete the rows and doom the files in one transaction; the sweep removes the bytes. Returns whether this
    call deleted it; deleting twice does no harm.

    Where it was the prediction's last output, its input, logs and result go too; the ledger and the bare row
    stay. With `from_trash` the item stays if it was restored meanwhile. With `spare_file` the whole file (not
    its thumbnails and rendition) is left to the caller, who takes ownership of it in the same transaction.
    """
    with transaction.atomic():
        owner = Output.objects.filter(pk=item.output_id).values_list("prediction_id", flat=True).first()
        if owner is None:
            return False
        # The prediction's lock first: two outputs deleted concurrently must agree on which of them is the
        # last.
        prediction = Prediction.objects.select_for_update().only("pk").get(pk=owner)
        output = Output.objects.select_related("file", "small", "medium").filter(pk=item.output_id).first()
        if output is None:
            return False
        item = Item.objects.select_related("rendition").select_for_update(of=("self",)).get(output=output)
        if from_trash and not item.in_trash:
            return False
        owned_files = (None if spare_file else output.file, output.small, output.medium, item.rendition)
        files = [file for file in owned_files if file is not None]
        _remove_rows(output)
        output.delete()
        media.doom(files)
        if not prediction.outputs.exists():
            lifecycle.remove_data(prediction.pk)
    return True


def _remove_rows(output: Output) -> None:
    """Delete the item of an output and all rows that refer to it."""
    Report.objects.filter(Q(item__output=output) | Q(comment__item__output=output)).delete()
    for kind in (Comment, Like, ItemTag, CollectionItem, ShareLink, SearchRow):
        kind.objects.filter(item__output=output).delete()
    Collection.objects.filter(cover__output=output).update(cover=None)
    Item.objects.filter(output=output).delete()
