"""Every output of a succeeded prediction becomes a private item."""

from __future__ import annotations

from typing import Any

from gallery.models import Item
from predictions.models import Output, Prediction
from predictions.signals import prediction_succeeded


def make_items(sender: Any, prediction: Prediction, outputs: list[Output], **kwargs: Any) -> None:
    """Insert the items; runs inside the transaction that ends the prediction, and does nothing else."""
    Item.objects.bulk_create(
        Item(
            output=output,
            account_id=prediction.account_id,
            user_id=prediction.user_id,
            model_id=prediction.model_id,
            prompt=prediction.prompt,
            width=output.file.width or 1,
            height=output.file.height or 1,
        )
        for output in outputs
    )


def connect() -> None:
    """Connect the receiver; called once when the app is ready."""
    prediction_succeeded.connect(make_items, dispatch_uid="gallery.publish")
