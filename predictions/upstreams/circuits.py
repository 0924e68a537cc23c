"""Circuit breakers of upstream keys: which may take work now. The only writer of their states.

Each change is a short transaction of its own. closed: in use. open: resting until `open_until` after an error of key,
quota or address, or repeated failures. probing: exactly one start or health check is under way to test recovery; when
its lease expires the circuit is open again. Independently a key may be rate-limited (`rest_until`), which is no
failure. All times are the database's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.utils import timezone

from core.clock import Now, after
from core.db.prepared import PreparedValues
from core.redaction import scrub
from predictions.models import UpstreamDay, UpstreamKey, UpstreamRoute, UpstreamRun
from predictions.providers.base import ProviderError
from predictions.providers.provider_names import key_pk, provider_name
from predictions.upstreams import alerts, configuration
from predictions.upstreams.budget import today

State = UpstreamKey.State

FIRST_REST_S = 5.0
LONGEST_REST_S = 60.0
IN_A_ROW = 3
"""Consecutive transient failures that open a circuit,"""
IN_A_MINUTE = 5
"""or failures within a minute, regardless of successes in between."""
QUESTION_FIRST_S = 3.0
"""Seconds reserved for the sweep's health check before a real start becomes the probe."""
WAIT_S = 5.0
LONGEST_WAIT_S = 3600.0
ROUTE_REST_S = 600.0
CHANNEL_REST_S = 60.0
"""Rest of a model for which a gateway had no backend; it knows the model, so one may appear soon."""
_PROBE_MORE_S = 15.0
_NOTED_FOR = timedelta(seconds=10)
_LONGEST_ERROR = 1000
_NOT_THE_KEYS = ("safety", "bad_input", "permanent", "channel")
"""Kinds that do not concern the key: the caller's prompt or input, or one model."""
_OPEN_AT_ONCE = ("key", "quota", "address")
_UNASKABLE = ("quota", "address")
"""Kinds whose end no health check can show: a real start is the probe."""


@dataclass(frozen=True)
class KeyStates:
    """Providers, by name, that take no new start now, and those that take one only after `claim_probe`."""

    unavailable: frozenset[str] = frozenset()
    half_open: frozenset[str] = frozenset()
    resting_routes: frozenset[tuple[str, str]] = frozenset()
    """(provider, `owner/name`) of models that an upstream reported as unknown; they rest for some minutes."""


def unavailable() -> set[str]:
    """Names that take no new start now: disabled, paused, resting, rate-limited, being probed, or at their cap."""
    return set(key_states().unavailable)


def key_states() -> KeyStates:
    """The current state of every key. Two short queries, or none without upstreams."""
    if not configuration.any_key():
        return KeyStates()
    closed_for: set[str] = set()
    half_open: set[str] = set()
    by_upstream: dict[int, list[str]] = {}
    for pk, upstream_pk, may, due in _STATES.all():
        name = provider_name(pk)
        by_upstream.setdefault(upstream_pk, []).append(name)
        if not may:
            closed_for.add(name)
        elif due:
            half_open.add(name)
    routes = {
        (name, f"{owner}/{model}") for pk, owner, model in _RESTING.all() for name in by_upstream.get(pk, [])
    }
    return KeyStates(frozenset(closed_for), frozenset(half_open), frozenset(routes))


def _states() -> QuerySet[Any, Any]:
    """Rows of (key, upstream, whether it takes a start now, whether that would be its probe)."""
    capped = UpstreamDay.objects.filter(upstream=OuterRef("upstream"), day=today()).filter(
        Q(capped_at__isnull=False) | Q(spent__gte=OuterRef("upstream__day_cap"))
    )
    usable = _usable() & ~Exists(capped)
    due = _due(Now() - timedelta(seconds=QUESTION_FIRST_S)) | _due(Now()) & Q(error_kind__in=_UNASKABLE)
    return UpstreamKey.objects.order_by("pk").values_list(
        "pk",
        "upstream_id",
        Case(When(usable & (Q(state=State.CLOSED) | due), then=True), default=False),
        Case(When(Q(state=State.CLOSED), then=False), default=True),
    )


def _resting() -> QuerySet[Any, Any]:
    rows = UpstreamRoute.objects.filter(rest_until__gt=Now()).order_by()
    return rows.values_list("upstream_id", "model__owner", "model__name")


# Read under the lock of every choice, so each query is compiled once.
_STATES = PreparedValues(_states)
_RESTING = PreparedValues(_resting)


def _usable() -> Q:
    awake = Q(rest_until__isnull=True) | Q(rest_until__lte=Now())
    return awake & Q(enabled=True, upstream__enabled=True, upstream__paused=False)


def _due(now: Any) -> Q:
    """Open for long enough, or with an expired probe that was never reported."""
    return Q(state=State.OPEN, open_until__lte=now) | Q(state=State.PROBING, probe_until__lte=now)


def claim_probe(name: str) -> bool:
    """Claim the probe of a key: whether one start (or health check) may be sent now. Of several callers one gets True.

    True also where the circuit is closed and there is nothing to claim. Report with `succeeded` or `failed`; without a
    report within the time limits of a start the probe expires.
    """
    pk = key_pk(name) or 0
    row = (
        UpstreamKey.objects.filter(pk=pk)
        .values_list("state", "upstream__connect_s", "upstream__read_s")
        .first()
    )
    if row is None:
        return False
    state, connect_s, read_s = row
    if state == State.CLOSED:
        return UpstreamKey.objects.filter(_usable(), pk=pk).exists()
    with transaction.atomic():
        # A subquery, because an UPDATE cannot join.
        may = UpstreamKey.objects.filter(_usable(), _due(Now()), pk=pk)
        won = UpstreamKey.objects.filter(Exists(may), _due(Now()), pk=pk).update(
            state=State.PROBING,
            probe=secrets.token_hex(8),
            probe_until=after(connect_s + read_s + _PROBE_MORE_S),
        )
    return bool(won)


def due_probes() -> list[str]:
    """Names of resting keys that may be tried now, except those whose recovery only a real start can show."""
    return [provider_name(pk) for pk in probes_due().order_by("pk").values_list("pk", flat=True)]


def probes_due() -> QuerySet[UpstreamKey]:
    """The rows of `due_probes`."""
    return UpstreamKey.objects.filter(_usable(), _due(Now())).exclude(error_kind__in=_UNASKABLE)


def succeeded(name: str, *, is_health_check: bool = False) -> None:
    """Report that a start was accepted (or, with `is_health_check`, that a health check passed).

    After a mere health check the next single failure opens the circuit again, for longer: it does not prove that real
    work succeeds.
    """
    pk = key_pk(name) or 0
    row = UpstreamKey.objects.filter(pk=pk).values_list("state", "failures", "openings", "ok_at").first()
    if row is None:
        return
    state, failures, openings, ok_at = row
    if state == State.PROBING:
        if _close(pk, is_health_check=is_health_check):
            alerts.healed(pk)
    elif state == State.CLOSED and not is_health_check:
        reset = bool(failures or openings)
        # Not with each success: the row would be written a hundred times a second without a change.
        if reset or ok_at is None or timezone.now() - ok_at > _NOTED_FOR:
            _note_success(pk, reset=reset)


def _close(pk: int, *, is_health_check: bool) -> bool:
    counters = {"failures": IN_A_ROW - 1} if is_health_check else {"failures": 0, "openings": 0}
    with transaction.atomic():
        healed = UpstreamKey.objects.filter(pk=pk, state=State.PROBING).update(
            state=State.CLOSED, open_until=None, probe="", probe_until=None, ok_at=Now(), **counters
        )
    return bool(healed)


def _note_success(pk: int, *, reset: bool) -> None:
    rows = UpstreamKey.objects.filter(pk=pk, state=State.CLOSED)
    rows.update(ok_at=Now(), **({"failures": 0, "openings": 0} if reset else {}))


def failed(name: str, error: ProviderError) -> None:
    """Report that a start or health check failed. Errors caused by the caller do not count as failures, but they are
    responses: as a probe's result they close the circuit."""
    alert = count_failure(name, error)
    if alert is not None:
        alert()


def count_failure(name: str, error: ProviderError) -> Callable[[], None] | None:
    """`failed` within the caller's transaction; returns a function that alerts the operator, to call after the commit.

    None where there is nothing to report.
    """
    pk = key_pk(name) or 0
    if not pk:
        return None
    values = {"error_kind": error.kind, "error": _error_text(error), "error_at": Now()}
    if error.kind in _NOT_THE_KEYS or error.kind == "rate":
        if error.kind == "rate":
            _rest(pk, error, values)
        # A rate limit, too, shows a probe that the service works.
        probing = UpstreamKey.objects.filter(pk=pk, state=State.PROBING).exists()
        return partial(alerts.healed, pk) if probing and _close(pk, is_health_check=True) else None
    with transaction.atomic():
        opened = _count(pk, error, values)
    return partial(alerts.opened, pk) if opened else None


def _rest(pk: int, error: ProviderError, values: dict[str, Any]) -> None:
    requested = WAIT_S if error.retry_after is None else error.retry_after
    until = after(min(max(requested, 1.0), LONGEST_WAIT_S))
    with transaction.atomic():
        UpstreamKey.objects.filter(pk=pk).update(rest_until=until, **values)


def _count(pk: int, error: ProviderError, values: dict[str, Any]) -> bool:
    """Count one failure, and open the circuit at the threshold. Returns whether it went from closed to open."""
    rows = UpstreamKey.objects.filter(pk=pk)
    at_once = error.kind in _OPEN_AT_ONCE
    if rows.filter(state=State.PROBING).update(**_open(error), **values):
        return False
    if rows.filter(state=State.OPEN).update(**values):
        # The late result of a start sent before it opened; it does not prolong the rest.
        return False
    rows.filter(state=State.CLOSED).update(failures=F("failures") + 1, **values)
    if not at_once and not _too_many(pk):
        _rest_if_requested(rows, error)
        return False
    return bool(rows.filter(state=State.CLOSED).update(**_open(error)))


def _too_many(pk: int) -> bool:
    if UpstreamKey.objects.filter(pk=pk, failures__gte=IN_A_ROW).exists():
        return True
    minute = UpstreamRun.objects.filter(
        key=pk, error_kind="transient", sent_at__gt=Now() - timedelta(seconds=60)
    ).order_by()
    return len(minute.values_list("pk")[:IN_A_MINUTE]) >= IN_A_MINUTE


def _rest_if_requested(rows: QuerySet[UpstreamKey], error: ProviderError) -> None:
    if error.retry_after:
        rows.update(rest_until=after(min(error.retry_after, LONGEST_REST_S)))


def _open(error: ProviderError) -> dict[str, Any]:
    """5 s, doubled each time up to a minute; a rest that the service asks for is capped likewise."""
    rests = [FIRST_REST_S * 2**number for number in range(5)]
    requested = min(error.retry_after or 0.0, LONGEST_REST_S)
    cases = [
        When(openings=number, then=after(max(min(rest, LONGEST_REST_S), requested)))
        for number, rest in enumerate(rests)
    ]
    return {
        "state": State.OPEN,
        "open_until": Case(*cases, default=after(LONGEST_REST_S)),
        "openings": F("openings") + 1,
        "probe": "",
        "probe_until": None,
    }


def _error_text(error: ProviderError) -> str:
    text = str(error) if not error.answer else f"{error}\n{error.answer}"
    return scrub(text).replace("\x00", "")[:_LONGEST_ERROR]


def probe_now(pk: int) -> bool:
    """Let a resting key be tried at once. Returns whether it was resting."""
    with transaction.atomic():
        return bool(
            UpstreamKey.objects.filter(pk=pk, state=State.OPEN).update(
                open_until=Now() - timedelta(seconds=QUESTION_FIRST_S)
            )
        )


_NEW: dict[str, Any] = {
    "state": State.CLOSED, "failures": 0, "openings": 0, "open_until": None, "rest_until": None, "probe": "",
    "probe_until": None, "error_kind": "", "error": "", "error_at": None,
}  # fmt: skip
COLUMNS = tuple(_NEW)
"""What `reset` writes."""


def reset(pk: int) -> None:
    """Reset a key's state: the operator changed the key."""
    with transaction.atomic():
        UpstreamKey.objects.filter(pk=pk).update(**_NEW)


def rest_route(name: str, model_pk: int, error: str, seconds: float = ROUTE_REST_S) -> None:
    """The upstream reported a model as unknown: send it no such work for a while. Other models are unaffected."""
    key = UpstreamKey.objects.filter(pk=key_pk(name) or 0).first()
    if key is None:
        return
    values = {"rest_until": after(seconds), "error": scrub(error).replace("\x00", "")[:_LONGEST_ERROR]}
    with transaction.atomic():
        rows = UpstreamRoute.objects.filter(upstream=key.upstream_id, model=model_pk)
        if not rows.update(**values):
            # Where the whole catalogue is served, a route without overrides equals none.
            UpstreamRoute.objects.bulk_create(
                [UpstreamRoute(upstream_id=key.upstream_id, model_id=model_pk)], ignore_conflicts=True
            )
            rows.update(**values)


def retry_route(upstream_pk: int, model_pk: int) -> None:
    """Let a model's route be tried again: the operator changed it."""
    with transaction.atomic():
        UpstreamRoute.objects.filter(upstream=upstream_pk, model=model_pk).update(rest_until=None, error="")
