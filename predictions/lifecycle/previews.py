"""Looks at pictures that are still being made: one row for each running prediction, gone when it ends."""

from __future__ import annotations

from django.db.models import F

from accounts.clock import Now
from predictions.lifecycle import compiled
from predictions.models import Preview

MAX_BYTES = 64 * 1024
"""A provider that sends more than this is not believed; what it sent is dropped."""
_JPEG = b"\xff\xd8\xff"


def news(prediction_id: int, look: bytes | None) -> bytes | None:
    """The look where it is one that may be kept and differs from the one that is kept already, else None."""
    if look is None or len(look) > MAX_BYTES or not look.startswith(_JPEG):
        return None
    kept = Preview.objects.filter(prediction_id=prediction_id).values_list("data", flat=True).first()
    return None if kept is not None and bytes(kept) == look else look


def keep(prediction_id: int, look: bytes) -> None:
    """Put this look in place of the one before. Inside the transaction that has just written the running prediction."""
    rows = Preview.objects.filter(prediction_id=prediction_id)
    if not rows.update(number=F("number") + 1, data=look, at=Now()):
        Preview.objects.create(prediction_id=prediction_id, data=look)


def drop(prediction_id: int) -> None:
    """Forget it. Inside the transaction that ends the prediction."""
    compiled.FORGET_PREVIEW.run(pk=prediction_id)
