"""Removal of data URIs from the stored input of predictions that ended without success.

Inputs of live predictions are bounded by quotas, and those of successes were paid for. Failed and canceled predictions
are free and unbounded, so their inline files could fill the disk.
"""

from __future__ import annotations

from typing import Any

from predictions.models import Prediction

MAX_KEPT_BYTES = 64 * 1024
"""Inputs up to this many bytes of JSON are kept whole."""


def remove_files(prediction_id: int, input_bytes: int) -> None:
    """Remove the files from a large input; in the transaction of an end without success, after the end."""
    if input_bytes <= MAX_KEPT_BYTES:
        return
    row = Prediction.objects.filter(pk=prediction_id)
    row.update(input=_without(row.values_list("input", flat=True).get()))


def _without(value: Any) -> Any:
    if isinstance(value, str) and value[:5].lower() == "data:":
        # Neither a URL nor a data URI, so that resubmitting this input fails validation at once.
        return f"[file of {len(value)} characters, not kept after the end]"
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _without(inner) for name, inner in value.items()}
    return value
