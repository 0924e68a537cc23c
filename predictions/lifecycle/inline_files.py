"""Files that stand in an input itself, as data URIs: kept while the prediction needs them, and with what came of it.

What waits is bounded by `room`, and what succeeded was paid for. What ended in vain cost nothing and nothing bounds it,
so that its files would fill the disk for nothing.
"""

from __future__ import annotations

from typing import Any

from predictions.models import Prediction

KEPT_BYTES = 64 * 1024
"""Inputs of so many bytes as JSON are kept whole."""


def forget(prediction_id: int, input_bytes: int) -> None:
    """Take the files out of a large input; in the transaction that ends its prediction in vain, after the end."""
    if input_bytes <= KEPT_BYTES:
        return
    row = Prediction.objects.filter(pk=prediction_id)
    row.update(input=_without(row.values_list("input", flat=True).get()))


def _without(value: Any) -> Any:
    if isinstance(value, str) and value[:5].lower() == "data:":
        # No address and no data URI: whoever sends it again learns at once that the file is missing.
        return f"[file of {len(value)} characters, not kept after the end]"
    if isinstance(value, list):
        return [_without(one) for one in value]
    if isinstance(value, dict):
        return {name: _without(one) for name, one in value.items()}
    return value
