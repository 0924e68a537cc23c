"""Who says how long work took. By the second nothing but `at least` is charged where nobody says."""

from __future__ import annotations

from collections import defaultdict

from predictions.dispatch import provider_lookup, routing
from predictions.models import HostedModel, Prediction, Status
from predictions.pricing import calculator

NEWEST = 200
"""Requests of a model that are looked at."""


def providers_without_run_time(model: HostedModel) -> list[str]:
    """Who serves the model, by name, and is not known to say how long its work took: an upstream that left it out
    lately, or of which nothing was seen yet. Our own engines say it always, unless they were seen not to.
    """
    told = _told(model)
    found: dict[str, None] = {}
    for provider in routing.serving(
        provider_lookup.all_providers(), routing.Wanted(model.ref, model.engine_last_resort)
    ):
        group = str(getattr(provider, "group", "")) or provider.name
        seen = told.get(provider.name)
        if seen is False or (seen is None and routing.is_upstream(provider)):
            found[group] = None
    return list(found)


def _told(model: HostedModel) -> dict[str, bool]:
    """Of each provider that has lately done something for the model, whether it said how long each time."""
    newest = Prediction.objects.ended().filter(model=model).order_by("-id")
    keys = list(newest.values_list("pk", flat=True)[:NEWEST])
    rows = Prediction.objects.filter(pk__in=keys, status=Status.SUCCEEDED)
    told: dict[str, bool] = defaultdict(lambda: True)
    for name, metrics in rows.values_list("provider", "metrics"):
        told[name] &= calculator.seconds_of(metrics or {}) is not None
    return dict(told)
