"""Enabled image classifiers and their thresholds, cached in each process for two seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models.signals import post_delete, post_save

from predictions.models import Classifier

CACHE_S = 2.0
"""Seconds for which the cached classifiers are used without asking the database."""
ANY_LABEL = "*"
"""The label whose limits apply to labels without limits of their own."""
ThresholdAction = Literal["sensitive", "flag", "drop"]
THRESHOLD_ACTIONS: tuple[ThresholdAction, ...] = ("sensitive", "flag", "drop")


@dataclass(frozen=True)
class ClassifierConfig:
    """One classifier, detached from the database."""

    pk: int
    name: str
    kind: str
    target: str
    secret: str = field(repr=False)
    """Encrypted."""
    limits: Mapping[str, Mapping[str, float]]
    timeout: float
    when_down: str
    on_uploads: bool

    def triggered_actions(self, scores: Mapping[str, float]) -> dict[str, list[str]]:
        """The actions that these scores trigger, each with the labels that reach its limit."""
        triggered: dict[str, list[str]] = {}
        for label, score in scores.items():
            limits = self.limits.get(label, self.limits.get(ANY_LABEL, {}))
            for action in THRESHOLD_ACTIONS:
                if action in limits and score >= limits[action]:
                    triggered.setdefault(action, []).append(label)
        return triggered


def as_config(row: Classifier) -> ClassifierConfig:
    """A row detached from the database; invalid limits are ignored."""
    return ClassifierConfig(
        row.pk, row.name, row.kind, row.target, row.secret, _limits(row.limits), float(row.timeout or 10),
        row.when_down, row.on_uploads,
    )  # fmt: skip


def _limits(stored: Any) -> dict[str, dict[str, float]]:
    if not isinstance(stored, dict):
        return {}
    return {
        str(label): {
            action: float(limit)
            for action, limit in limits.items()
            if action in THRESHOLD_ACTIONS and isinstance(limit, int | float) and not isinstance(limit, bool)
        }
        for label, limits in stored.items()
        if isinstance(limits, dict)
    }


_cached: tuple[float, tuple[ClassifierConfig, ...]] | None = None


def current() -> tuple[ClassifierConfig, ...]:
    """The enabled classifiers, at most `CACHE_S` old."""
    global _cached
    now, cached = time.monotonic(), _cached
    if cached is not None and now - cached[0] <= CACHE_S:
        return cached[1]
    configs = tuple(as_config(row) for row in Classifier.objects.filter(enabled=True).order_by("pk"))
    _cached = (now, configs)
    return configs


def use_classifiers(configs: tuple[ClassifierConfig, ...]) -> None:
    """Use these classifiers without asking the database."""
    global _cached
    _cached = (time.monotonic(), configs)


def drop_cache(**_kwargs: Any) -> None:
    """Drop the cached classifiers."""
    global _cached
    _cached = None


def connect_signals() -> None:
    """Make this process see its own changes at once; called when the app is ready."""
    for signal in (post_save, post_delete):
        signal.connect(drop_cache, sender=Classifier, dispatch_uid=f"judging-classifiers-{id(signal)}")
