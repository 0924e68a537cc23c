"""The classifiers that are switched on, as they are now. A process asks every other second whether they changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models.signals import post_delete, post_save

from predictions.models import Classifier

KEPT_S = 2.0
ANY = "*"
"""The label whose limits hold for labels that have none of their own."""
Deed = Literal["sensitive", "flag", "drop"]
DEEDS: tuple[Deed, ...] = ("sensitive", "flag", "drop")


@dataclass(frozen=True)
class Judge:
    """One classifier, apart from the database."""

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

    def deeds(self, scores: Mapping[str, float]) -> dict[str, list[str]]:
        """What its limits say to these scores: for each deed the labels that reach it."""
        found: dict[str, list[str]] = {}
        for label, score in scores.items():
            limits = self.limits.get(label, self.limits.get(ANY, {}))
            for deed in DEEDS:
                if deed in limits and score >= limits[deed]:
                    found.setdefault(deed, []).append(label)
        return found


def as_judge(row: Classifier) -> Judge:
    """A row apart from the database; limits that make no sense are none."""
    return Judge(
        row.pk, row.name, row.kind, row.target, row.secret, _limits(row.limits), float(row.timeout or 10),
        row.when_down, row.on_uploads,
    )  # fmt: skip


def _limits(stored: Any) -> dict[str, dict[str, float]]:
    if not isinstance(stored, dict):
        return {}
    return {
        str(label): {
            deed: float(limit)
            for deed, limit in limits.items()
            if deed in DEEDS and isinstance(limit, int | float) and not isinstance(limit, bool)
        }
        for label, limits in stored.items()
        if isinstance(limits, dict)
    }


_kept: tuple[float, tuple[Judge, ...]] | None = None


def current() -> tuple[Judge, ...]:
    """Those that are switched on, as of at most two seconds ago."""
    global _kept
    now, kept = time.monotonic(), _kept
    if kept is not None and now - kept[0] <= KEPT_S:
        return kept[1]
    found = tuple(as_judge(row) for row in Classifier.objects.filter(enabled=True).order_by("pk"))
    _kept = (now, found)
    return found


def keep(judges: tuple[Judge, ...]) -> None:
    """Take these for the classifiers as they are now, without asking the database."""
    global _kept
    _kept = (time.monotonic(), judges)


def forget(**_kwargs: Any) -> None:
    """Ask anew next time."""
    global _kept
    _kept = None


def connect_signals() -> None:
    """Have this process see its own changes at once; called once when the app is ready."""
    for signal in (post_save, post_delete):
        signal.connect(forget, sender=Classifier, dispatch_uid=f"judging-classifiers-{id(signal)}")
