"""Creates a private item for every output of a succeeded prediction."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef

from gallery.models import Item
from predictions.api_dialects.common import status_extras
from predictions.models import Output, Prediction
from predictions.signals import prediction_succeeded


def make_items(sender: Any, prediction: Prediction, outputs: list[Output], **kwargs: Any) -> None:
    """Insert the items, and nothing else: it runs inside the transaction that ends the prediction."""
    Item.objects.bulk_create(
        Item(
            output=output,
            account_id=prediction.account_id,
            user_id=prediction.user_id,
            model_id=prediction.model_id,
            prompt=prediction.prompt,
            width=output.file.width or 1,
            height=output.file.height or 1,
            sensitive=bool(output.marks.get("sensitive")),
        )
        for output in outputs
    )


def item_ids_for(prediction: Prediction) -> list[str]:
    """The public ids of a prediction's items, in the order of its outputs."""
    items = Item.objects.filter(output__prediction=prediction).order_by("output__index")
    return list(items.values_list("public_id", flat=True))


def is_rendition() -> Exists:
    """A condition on stored files: whether one is the rendition (published copy) of an item."""
    return Exists(Item.objects.filter(rendition=OuterRef("pk")))


def connect_signals() -> None:
    """Connect the receiver and register the source of item ids; called once when the app is ready."""
    prediction_succeeded.connect(make_items, dispatch_uid="gallery.items.creation")
    status_extras.register_items_source(item_ids_for)
