"""Reading predictions for rendering: with model and version joined, without the fields that are never rendered.

Deferred fields are still loaded when accessed. `find` is one compiled query for one prediction; `fetch` reads many at
once, for clients that wait for them.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Prefetch

from core.db.prepared import Prepared, Rows
from predictions.models import Prediction, Version
from predictions.models.prediction import PredictionQuerySet

DEFERRED_VERSION_FIELDS = ("input_schema", "example_input", "source")
"""Version fields deferred when rendering: schemas are long and are parsed on every read."""

DEFERRED_FIELDS = (
    "webhook", "webhook_events", "origin", "mount", "claim", "lease_until", "start_attempts", "collect_attempts",
    "run", "not_before", "look_at", "job_id", "job_instance", "job_seen_at", "upstream_open", "result",
    "must_end_by", "price_percent",
)  # fmt: skip
"""Prediction fields deferred when rendering: internal state of its execution, and its webhook's receiver."""


def with_version(rows: PredictionQuerySet) -> PredictionQuerySet:
    """Join model and version, defer what is not rendered: one query. For one or a few predictions."""
    return rows.select_related("model", "version").defer(
        *DEFERRED_FIELDS, *(f"version__{name}" for name in DEFERRED_VERSION_FIELDS)
    )


def prefetched(rows: PredictionQuerySet) -> PredictionQuerySet:
    """The same in three queries, rows sharing model and version objects: for many predictions of few models."""
    rows = rows.defer(*DEFERRED_FIELDS).prefetch_related(
        "model", Prefetch("version", Version.objects.defer(*DEFERRED_VERSION_FIELDS))
    )
    rows._iterable_class = Rows
    return rows


_BY_ID = Prepared[Prediction](
    lambda public_id: with_version(Prediction.objects.filter(public_id=public_id))[:1]
)


def find(public_id: str) -> Prediction | None:
    """The prediction with this public id, or None."""
    return _BY_ID.first(public_id=public_id)


def fetch(public_ids: Collection[str]) -> list[Prediction]:
    """The existing predictions among these public ids, unordered. For some hundreds of ids at most."""
    return list(prefetched(Prediction.objects.filter(public_id__in=public_ids).order_by()))
