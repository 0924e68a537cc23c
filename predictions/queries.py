"""Reading predictions as they are shown: with model and version, without what is not (it is read when asked for).

For whoever renders a prediction for a caller. `find` is one compiled query; `fetch` reads many at once, for those
who wait for them.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Prefetch

from core.db.prepared import Prepared, Rows
from predictions.models import Prediction, Version
from predictions.models.prediction import PredictionQuerySet

UNSHOWN = ("input_schema", "example_input", "source")
"""What a prediction's object never needs of its version: schemas are long, and parsed each time they are read."""

OURS = (
    "webhook", "webhook_events", "origin", "mount", "claim", "lease_until", "start_attempts", "collect_attempts",
    "run", "not_before", "look_at", "job_id", "job_instance", "job_seen_at", "upstream_open", "result",
    "must_end_by", "price_percent",
)  # fmt: skip
"""What it never needs of the prediction: how our own processes work on it, and whom they tell."""


def with_version(rows: PredictionQuerySet) -> PredictionQuerySet:
    """Predictions with what their object needs, in one query: for one or a few of them."""
    return rows.select_related("model", "version").defer(*OURS, *(f"version__{name}" for name in UNSHOWN))


def prefetched(rows: PredictionQuerySet) -> PredictionQuerySet:
    """The same in three queries: for many of a few models, whose rows they then share."""
    rows = rows.defer(*OURS).prefetch_related("model", Prefetch("version", Version.objects.defer(*UNSHOWN)))
    rows._iterable_class = Rows
    return rows


_BY_ID = Prepared[Prediction](
    lambda public_id: with_version(Prediction.objects.filter(public_id=public_id))[:1], public_id=str
)


def find(public_id: str) -> Prediction | None:
    """The prediction of that id, or None."""
    return _BY_ID.first(public_id=public_id)


def fetch(public_ids: Collection[str]) -> list[Prediction]:
    """The predictions of these ids, those that exist, in no order. At most some hundreds at a time."""
    return list(prefetched(Prediction.objects.filter(public_id__in=public_ids).order_by()))
