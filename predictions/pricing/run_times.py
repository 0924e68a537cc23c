"""Which providers report how long their work took. A price per second charges only `least` where none is reported."""

from __future__ import annotations

from collections import defaultdict

from predictions.dispatch import provider_lookup, routing
from predictions.models import HostedModel, Prediction, Status
from predictions.pricing import calculator

NEWEST = 200
"""Recent predictions of a model that are examined."""


def providers_without_run_time(model: HostedModel) -> list[str]:
    """Names of the model's providers not known to report run times.

    An upstream that recently left it out, or of which nothing was seen yet. Our own engines always report it, unless
    they were seen not to.
    """
    reported = _reported(model)
    names: dict[str, None] = {}
    for provider in routing.eligible_providers(
        provider_lookup.all_providers(), routing.Wanted(model.ref, model.engine_last_resort)
    ):
        seen = reported.get(provider.name)
        if seen is False or (seen is None and not provider.reports_run_time):
            names[provider.group or provider.name] = None
    return list(names)


def _reported(model: HostedModel) -> dict[str, bool]:
    """For each provider that recently ran the model, whether it always reported its run time."""
    newest = Prediction.objects.ended().filter(model=model).order_by("-id")
    keys = list(newest.values_list("pk", flat=True)[:NEWEST])
    rows = Prediction.objects.filter(pk__in=keys, status=Status.SUCCEEDED)
    reported: dict[str, bool] = defaultdict(lambda: True)
    for name, metrics in rows.values_list("provider", "metrics"):
        reported[name] &= calculator.seconds_of(metrics or {}) is not None
    return dict(reported)
