"""Health report of upstreams: state, latency, error rate, running and waiting work, cost and revenue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from core.clock import Now
from predictions.models import (
    Phase,
    Prediction,
    Upstream,
    UpstreamDay,
    UpstreamKey,
    UpstreamRoute,
    UpstreamRun,
)
from predictions.providers.provider_names import PREFIX
from predictions.upstreams import configuration
from predictions.upstreams.budget import today

Outcome = UpstreamRun.Outcome

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MARGIN_DAYS = 30
_SAMPLE = 2000
_NOT_THEIRS = ("safety", "bad_input")


@dataclass(frozen=True)
class Speed:
    """Responses to starts in a period. Latencies in milliseconds; None without responses."""

    runs: int = 0
    errors: int = 0
    p50_ms: int | None = None
    p95_ms: int | None = None

    @property
    def error_percent(self) -> float | None:
        """Share of starts that were refused, lost or failed, except through the caller's fault."""
        return 100 * self.errors / self.runs if self.runs else None


@dataclass(frozen=True)
class Margin:
    """Cost and revenue of a model at an upstream over the last days, in micro-credits."""

    upstream: str
    model: str
    runs: int
    cost: int
    charged: int
    unknown: int
    """Successes of unknown cost."""

    @property
    def margin(self) -> int:
        """Margin: charged less cost."""
        return self.charged - self.cost


@dataclass(frozen=True)
class KeyHealth:
    """One key."""

    key: UpstreamKey
    in_flight: int
    readable: bool

    @property
    def asked_to_wait_until(self) -> datetime | None:
        """When the rest that the service asked for ends; None where there is none."""
        until = self.key.rest_until
        return until if until is not None and until > timezone.now() else None

    @property
    def limit(self) -> int:
        """Maximum predictions at a time."""
        return self.key.most_in_flight


@dataclass(frozen=True)
class Health:
    """One upstream."""

    upstream: Upstream
    keys: list[KeyHealth]
    hour: Speed
    day: Speed
    waiting: int
    spent: int
    capped: bool
    strays: int
    resting: list[UpstreamRoute] = field(default_factory=list)
    """Routes of models that it reported as unknown or unavailable; they rest for some minutes."""
    margins: list[Margin] = field(default_factory=list)

    @property
    def in_flight(self) -> int:
        """Predictions that it may still be working on."""
        return sum(key.in_flight for key in self.keys)

    @property
    def standing(self) -> str:
        """The state: off, draining, drained, capped, keyless, resting, partly, waiting, or well."""
        if not self.upstream.enabled:
            return "off"
        if self.upstream.paused:
            return "drained" if not self.in_flight else "draining"
        if self.capped:
            return "capped"
        used = [one for one in self.keys if one.key.enabled and one.readable]
        if not used:
            return "keyless"
        resting = sum(one.key.state != UpstreamKey.State.CLOSED for one in used)
        waiting = sum(one.asked_to_wait_until is not None for one in used)
        if resting == len(used):
            return "resting"
        return "waiting" if waiting == len(used) else "partly" if resting or waiting else "well"


def overview() -> list[Health]:
    """Every upstream, the preferred first. A fixed number of queries for each upstream, few of them."""
    upstreams = list(Upstream.objects.order_by("priority", "name"))
    keys = _by(UpstreamKey.objects.select_related("upstream").order_by("pk"), "upstream_id")
    in_flight_counts = in_flight_by_provider()
    waiting = _waiting()
    days = {row.upstream_id: row for row in UpstreamDay.objects.filter(day=today())}
    strays = dict(
        UpstreamRun.objects.filter(outcome=Outcome.LOST)
        .order_by()
        .values_list("upstream_id")
        .annotate(n=Count("pk"))
    )
    margins = _by(margin(), "upstream")
    at_rest = UpstreamRoute.objects.filter(rest_until__gt=Now()).select_related("model").order_by("pk")
    resting = _by(at_rest, "upstream_id")
    return [
        Health(
            upstream=upstream,
            keys=[
                KeyHealth(key, in_flight_counts.get(key.provider_name, 0), _is_readable(key))
                for key in keys.get(upstream.pk, [])
            ],
            hour=_speed(upstream, HOUR),
            day=_speed(upstream, DAY),
            waiting=waiting.get(upstream.name, 0),
            spent=days[upstream.pk].spent if upstream.pk in days else 0,
            capped=_is_capped(upstream, days.get(upstream.pk)),
            strays=strays.get(upstream.pk, 0),
            resting=resting.get(upstream.pk, []),
            margins=margins.get(upstream.name, []),
        )
        for upstream in upstreams
    ]


def in_flight_by_provider() -> dict[str, int]:
    """Predictions that each key may still be working on, by the provider's name."""
    rows = Prediction.objects.filter(upstream_open=True, provider__startswith=PREFIX).order_by()
    return dict(rows.values_list("provider").annotate(n=Count("pk")))


def in_flight_of(provider_name: str) -> int:
    """Predictions that this key may still be working on."""
    return Prediction.objects.filter(upstream_open=True, provider=provider_name).count()


def in_flight(upstream: Upstream) -> int:
    """The same of all its keys."""
    names = [key.provider_name for key in upstream.keys.all()]
    return Prediction.objects.filter(upstream_open=True, provider__in=names).count()


def strays() -> QuerySet[UpstreamRun]:
    """Starts whose response was lost, newest first: each may still be running at its upstream."""
    rows = UpstreamRun.objects.filter(outcome=Outcome.LOST).select_related("prediction", "upstream", "key")
    return rows.order_by("-id")


def margin(days: int = MARGIN_DAYS) -> list[Margin]:
    """Cost and revenue of the last days by upstream and model; a charge counts once, where the run succeeded."""
    succeeded = Q(outcome=Outcome.SUCCEEDED)
    rows = (
        UpstreamRun.objects.filter(sent_at__gt=Now() - timedelta(days=days))
        .order_by()
        .values("upstream__name", "prediction__model__owner", "prediction__model__name")
        .annotate(
            runs=Count("pk"),
            spent_there=Coalesce(Sum("cost"), 0),
            charged=Coalesce(Sum("prediction__charge", filter=succeeded), 0),
            unknown=Count("pk", filter=succeeded & Q(cost__isnull=True)),
        )
    )
    found = [
        Margin(
            row["upstream__name"],
            f"{row['prediction__model__owner']}/{row['prediction__model__name']}",
            row["runs"],
            row["spent_there"],
            row["charged"],
            row["unknown"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.upstream, one.model))


def _speed(upstream: Upstream, span: timedelta) -> Speed:
    rows = UpstreamRun.objects.filter(upstream=upstream, sent_at__gt=Now() - span).order_by()
    counted = rows.aggregate(
        runs=Count("pk"),
        errors=Count(
            "pk",
            filter=Q(outcome__in=[Outcome.REFUSED, Outcome.LOST, Outcome.FAILED])
            & ~Q(error_kind__in=_NOT_THEIRS),
        ),
    )
    answered = rows.filter(answered_ms__isnull=False).order_by("-id")
    times = sorted(int(ms or 0) for ms in answered.values_list("answered_ms", flat=True)[:_SAMPLE])
    return Speed(counted["runs"], counted["errors"], _at(times, 0.5), _at(times, 0.95))


def _at(times: list[int], share: float) -> int | None:
    return times[min(len(times) - 1, int(len(times) * share))] if times else None


def _waiting() -> dict[str, int]:
    """Number of predictions waiting by upstream; one that several upstreams serve counts at each."""
    rows = Prediction.objects.filter(phase=Phase.WAITING).order_by()
    counted = rows.values_list(F("model__owner"), F("model__name")).annotate(n=Count("pk"))
    found: dict[str, int] = {}
    first = {one.group: one for one in configuration.all_providers()}
    for owner, name, count in counted:
        for group, provider in first.items():
            if provider.serves(f"{owner}/{name}"):
                found[group] = found.get(group, 0) + count
    return found


def _is_capped(upstream: Upstream, day: UpstreamDay | None) -> bool:
    if day is None or upstream.day_cap is None:
        return False
    return day.capped_at is not None or day.spent >= upstream.day_cap


def _is_readable(key: UpstreamKey) -> bool:
    return configuration.knows(key.provider_name)


def _by(rows: Iterable[Any], name: str) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for row in rows:
        found.setdefault(getattr(row, name), []).append(row)
    return found
