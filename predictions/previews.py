"""Looks at pictures that are still being made: which one is the newest, and the address of its own that it has."""

from __future__ import annotations

from django.utils.http import urlencode

from predictions.models import Prediction, Preview

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
