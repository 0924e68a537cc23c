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
_SLOW = 1.8
"""So many times its median of the day, and one that answers is called slow."""


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
    """Every upstream, then our own engine. Few queries for each, over its last hour."""
    return [*(_row(one) for one in health_report.overview()), *_own()]


def switch(actor: User, pk: int, on: bool) -> Upstream | None:
    """Pause or resume new work; running work finishes there. None where nothing was changed."""
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


def _row(one: health_report.Health) -> Row:
    runs = UpstreamRun.objects.filter(upstream=one.upstream, sent_at__gt=Now() - health_report.HOUR).order_by(
        "-id"
    )
    ended = runs.filter(outcome=UpstreamRun.Outcome.SUCCEEDED, ended_at__isnull=False)
    took = [
        (end, (end - sent).total_seconds())
        for sent, end in ended.values_list("sent_at", "ended_at")[:_SAMPLE]
        if end is not None
    ]
    words, tone, colour = _standing(one, took)
    return Row(
        pk=one.upstream.pk,
        name=one.upstream.name,
        state=words,
        tone=tone,
        errors=one.hour.error_percent,
        median=_median([seconds for _, seconds in took]),
        line=SafeString(f'<span class="{colour}">{charts.spark(_bins(took))}</span>'),
        on=one.upstream.enabled and not one.upstream.paused,
        in_flight=one.in_flight,
        waiting=one.waiting,
    )


def _standing(one: health_report.Health, took: list[tuple[datetime, float]]) -> tuple[str, str, str]:
    standing = one.standing
    if standing == "resting":
        return _resting(one), "danger", "danger"
    if standing in ("capped", "keyless"):
        return (_("Day's limit reached") if standing == "capped" else _("No key")), "danger", "danger"
    if standing == "draining":
        words = ngettext("Paused, %(n)d in flight", "Paused, %(n)d in flight", one.in_flight)
        return words % {"n": one.in_flight}, "warning", ""
    if standing in ("off", "drained"):
        return (_("Off") if standing == "off" else _("Paused")), "", ""
    if standing in ("waiting", "partly"):
        return (_("Asked to wait") if standing == "waiting" else _("Some keys rest")), "warning", "warning"
    if _is_slow(took):
        return _("Slow"), "warning", "warning"
    return _("Healthy"), "ok", ""


def _resting(one: health_report.Health) -> str:
    until = [key.key.open_until for key in one.keys if key.key.state == UpstreamKey.State.OPEN]
    ends = [at for at in until if at is not None and at > timezone.now()]
    if not ends:
        return _("Resting")
    minutes = max(1, round((min(ends) - timezone.now()).total_seconds() / 60))
    return _("Resting %(n)d min") % {"n": minutes}


def _is_slow(took: list[tuple[datetime, float]]) -> bool:
    """Whether its last quarter hour took much longer than the hour's fastest quarter did."""
    bins = [value for value in _bins(took, 4) if value is not None]
    last = _bins(took, 4)[-1]
    return len(bins) >= 2 and last is not None and last > _SLOW * min(bins) and last > 5


def _own() -> Iterable[Row]:
    """Our own engine: it has no runs, but predictions that it worked on."""
    if not settings.ENGINE["enabled"]:
        return
    since = Now() - health_report.HOUR
    ended = (
        Prediction.objects.ended()
        .filter(completed_at__gt=since, provider__startswith="embedded")
        .order_by("-completed_at")
    )
    found = list(ended.values_list("status", "started_at", "completed_at")[:_SAMPLE])
    took = [
        (end, (end - start).total_seconds())
        for status, start, end in found
        if status == Status.SUCCEEDED and start is not None and end is not None
    ]
    failed = sum(status == Status.FAILED for status, _start, _end in found)
    alive = Beat.objects.filter(kind="engine", at__gte=Now() - timedelta(seconds=30)).exists()
    yield Row(
        pk=None,
        name=_("embedded engine"),
        state=_("Healthy") if alive else _("Silent"),
        tone="ok" if alive else "danger",
        errors=100 * failed / len(found) if found else None,
        median=_median([seconds for _, seconds in took]),
        line=SafeString(f"<span>{charts.spark(_bins(took))}</span>"),
        on=alive,
    )


def _median(values: Sequence[float]) -> float | None:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else None


def _bins(took: list[tuple[datetime, float]], bins: int = _BINS) -> list[float | None]:
    """The medians of the last hour's parts, the oldest first."""
    now = timezone.now()
    parts: list[list[float]] = [[] for _ in range(bins)]
    for at, seconds in took:
        back = int((now - at).total_seconds() / (3600 / bins))
        parts[bins - 1 - min(max(back, 0), bins - 1)].append(seconds)
    return [_median(part) for part in parts]
