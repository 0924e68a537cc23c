"""Previews of images in progress: one row per running prediction, deleted when it ends."""

from __future__ import annotations

from django.db.models import F
from django.utils.http import urlencode

from core.clock import Now
from predictions.lifecycle import updates
from predictions.models import Prediction, Preview

MAX_BYTES = 64 * 1024
"""The most bytes of a preview; larger ones are dropped."""
_JPEG = b"\xff\xd8\xff"


def changed_preview(prediction_id: int, preview: bytes | None) -> bytes | None:
    """The preview if it is valid and differs from the stored one, else None."""
    if preview is None or len(preview) > MAX_BYTES or not preview.startswith(_JPEG):
        return None
    stored = Preview.objects.filter(prediction_id=prediction_id).values_list("data", flat=True).first()
    return None if stored is not None and bytes(stored) == preview else preview


def keep(prediction_id: int, preview: bytes) -> None:
    """Replace the stored preview. Inside the transaction that has just written the running prediction."""
    rows = Preview.objects.filter(prediction_id=prediction_id)
    if not rows.update(number=F("number") + 1, data=preview, at=Now()):
        Preview.objects.create(prediction_id=prediction_id, data=preview)


def drop(prediction_id: int) -> None:
    """Delete the preview. Inside the transaction that ends the prediction."""
    updates.FORGET_PREVIEW.run(pk=prediction_id)


KEY = "key"
"""The query parameter with the prediction's stream token, for clients without other credentials."""


def number_of(prediction_id: int) -> int | None:
    """The number of the newest preview, which only grows; None where there is none (not yet, or not any more)."""
    return Preview.objects.filter(prediction_id=prediction_id).values_list("number", flat=True).first()


def numbers_of(prediction_ids: list[int]) -> dict[int, int]:
    """The numbers for several predictions, by primary key."""
    rows = (
        Preview.objects.filter(prediction_id__in=prediction_ids) if prediction_ids else Preview.objects.none()
    )
    return dict(rows.values_list("prediction_id", "number"))


def path_of(prediction: Prediction, number: int, *, key: bool = False) -> str:
    """The URL path of a preview. `key`: with the stream token, so that it opens without a session or API token."""
    query: dict[str, str | int] = {"n": number}
    if key:
        query[KEY] = prediction.stream_token
    return f"/p/{prediction.public_id}/preview?{urlencode(query)}"
