"""The dashboard's table of upstreams: state, latency in the last hour, and the switch that pauses one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.staff import audit_log
from core import charts
from core.clock import Now
from predictions.models import Beat, Prediction, Status, Upstream, UpstreamKey, UpstreamRun
from predictions.upstreams import health_report

_SAMPLE = 2000
_BINS = 12
_SLOW_FACTOR = 1.8
"""Factor above the hour's fastest quarter from which an upstream counts as slow."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    pk: int | None
    name: str
    state: str
    tone: str
    errors: float | None
    median: float | None
    line: SafeString
    on: bool
    in_flight: int = 0
    waiting: int = 0


def rows() -> list[Row]:
    """Every upstream, then the embedded engine: a few queries each, over the last hour."""
    return [*(_row(health) for health in health_report.overview()), *_engine_row()]


def switch(actor: User, pk: int, on: bool) -> Upstream | None:
    """Pause or resume new work; running work finishes. None where nothing was changed."""
    with transaction.atomic():
        upstream = Upstream.objects.select_for_update().filter(pk=pk).first()
        if upstream is None or (upstream.enabled and not upstream.paused) == on:
            return None
        before = {"enabled": upstream.enabled, "paused": upstream.paused}
        upstream.enabled, upstream.paused = upstream.enabled or on, not on
        upstream.save(update_fields=["enabled", "paused"])
        after = {"enabled": upstream.enabled, "paused": upstream.paused}
        audit_log.write(
            actor,
            "upstream.resume" if on else "upstream.pause",
            upstream,
            detail={"before": before, "after": after},
        )
    return upstream


def _row(health: health_report.Health) -> Row:
    runs = UpstreamRun.objects.filter(
        upstream=health.upstream, sent_at__gt=Now() - health_report.HOUR
    ).order_by("-id")
    ended = runs.filter(outcome=UpstreamRun.Outcome.SUCCEEDED, ended_at__isnull=False)
    durations = [
        (end, (end - sent).total_seconds())
        for sent, end in ended.values_list("sent_at", "ended_at")[:_SAMPLE]
        if end is not None
    ]
    state, tone, colour = _status(health, durations)
    return Row(
        pk=health.upstream.pk,
        name=health.upstream.name,
        state=state,
        tone=tone,
        errors=health.hour.error_percent,
        median=_median([seconds for _, seconds in durations]),
        line=SafeString(f'<span class="{colour}">{charts.spark(_bins(durations))}</span>'),
        on=health.upstream.enabled and not health.upstream.paused,
        in_flight=health.in_flight,
        waiting=health.waiting,
    )


def _status(health: health_report.Health, durations: list[tuple[datetime, float]]) -> tuple[str, str, str]:
    standing = health.standing
    if standing == "resting":
        return _resting(health), "danger", "danger"
    if standing in ("capped", "keyless"):
        return (_("Day's limit reached") if standing == "capped" else _("No key")), "danger", "danger"
    if standing == "draining":
        text = ngettext("Paused, %(n)d in flight", "Paused, %(n)d in flight", health.in_flight)
        return text % {"n": health.in_flight}, "warning", ""
    if standing in ("off", "drained"):
        return (_("Off") if standing == "off" else _("Paused")), "", ""
    if standing in ("waiting", "partly"):
        return (_("Asked to wait") if standing == "waiting" else _("Some keys rest")), "warning", "warning"
    if _is_slow(durations):
        return _("Slow"), "warning", "warning"
    return _("Healthy"), "ok", ""


def _resting(health: health_report.Health) -> str:
    until = [key.key.open_until for key in health.keys if key.key.state == UpstreamKey.State.OPEN]
    ends = [at for at in until if at is not None and at > timezone.now()]
    if not ends:
        return _("Resting")
    minutes = max(1, round((min(ends) - timezone.now()).total_seconds() / 60))
    return _("Resting %(n)d min") % {"n": minutes}


def _is_slow(durations: list[tuple[datetime, float]]) -> bool:
    """Whether the last quarter hour took much longer than the hour's fastest quarter."""
    bins = [value for value in _bins(durations, 4) if value is not None]
    last = _bins(durations, 4)[-1]
    return len(bins) >= 2 and last is not None and last > _SLOW_FACTOR * min(bins) and last > 5


def _engine_row() -> Iterable[Row]:
    """The embedded engine: it has no runs, so its predictions are counted."""
    if not settings.ENGINE["enabled"]:
        return
    since = Now() - health_report.HOUR
    ended = (
        Prediction.objects.ended()
        .filter(completed_at__gt=since, provider__startswith="embedded")
        .order_by("-completed_at")
    )
    predictions = list(ended.values_list("status", "started_at", "completed_at")[:_SAMPLE])
    durations = [
        (end, (end - start).total_seconds())
        for status, start, end in predictions
        if status == Status.SUCCEEDED and start is not None and end is not None
    ]
    failed = sum(status == Status.FAILED for status, _start, _end in predictions)
    alive = Beat.objects.filter(kind="engine", at__gte=Now() - timedelta(seconds=30)).exists()
    yield Row(
        pk=None,
        name=_("embedded engine"),
        state=_("Healthy") if alive else _("Silent"),
        tone="ok" if alive else "danger",
        errors=100 * failed / len(predictions) if predictions else None,
        median=_median([seconds for _, seconds in durations]),
        line=SafeString(f"<span>{charts.spark(_bins(durations))}</span>"),
        on=alive,
    )


def _median(values: Sequence[float]) -> float | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def _bins(durations: list[tuple[datetime, float]], bins: int = _BINS) -> list[float | None]:
    """Medians of equal parts of the last hour, oldest first."""
    now = timezone.now()
    parts: list[list[float]] = [[] for _ in range(bins)]
    for at, seconds in durations:
        back = int((now - at).total_seconds() / (3600 / bins))
        parts[bins - 1 - min(max(back, 0), bins - 1)].append(seconds)
    return [_median(part) for part in parts]
