"""Looks at pictures that are still being made: one row for each running prediction, gone when it ends."""

from __future__ import annotations

from django.db.models import F
from django.utils.http import urlencode

from core.clock import Now
from predictions.lifecycle import updates
from predictions.models import Prediction, Preview

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
    updates.FORGET_PREVIEW.run(pk=prediction_id)


KEY = "key"
"""The parameter that carries the prediction's stream token, for clients that have nothing else."""


def number_of(prediction_id: int) -> int | None:
    """The number of the newest look, which grows; None where there is none (not yet, or not any more)."""
    return Preview.objects.filter(prediction_id=prediction_id).values_list("number", flat=True).first()


def numbers_of(prediction_ids: list[int]) -> dict[int, int]:
    """The same for several, by prediction."""
    rows = (
        Preview.objects.filter(prediction_id__in=prediction_ids) if prediction_ids else Preview.objects.none()
    )
    return dict(rows.values_list("prediction_id", "number"))


def path_of(prediction: Prediction, number: int, *, key: bool = False) -> str:
    """The address of a look, without the origin. `key`: one that opens without a session or token."""
    given: dict[str, str | int] = {"n": number}
    if key:
        given[KEY] = prediction.stream_token
    return f"/p/{prediction.public_id}/preview?{urlencode(given)}"
