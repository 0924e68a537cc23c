"""Who may be sent work now. The only writer of the states of keys, each change in a short transaction of its own.

closed: in use. open: resting after an error of key, quota or address, or too much trouble, until `open_until`.
probing: exactly one start or question is under way to see whether it is well again; its lease ends back in open. Beside
that a key may have been asked to wait (`rest_until`), which is no failure. All times are the database's.
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
"""Passing troubles one after another that open a circuit,"""
IN_A_MINUTE = 5
"""or so many within a minute, whatever succeeded in between."""
QUESTION_FIRST_S = 3.0
"""Seconds for which the sweep may ask a harmless question before somebody's work becomes the probe."""
WAIT_S = 5.0
LONGEST_WAIT_S = 3600.0
ROUTE_REST_S = 600.0
CHANNEL_REST_S = 60.0
"""Rest of a model for which a gateway had nobody; it knows the model, so somebody may soon be there."""
_PROBE_MORE_S = 15.0
_NOTED_FOR = timedelta(seconds=10)
_LONGEST_ERROR = 1000
_NOT_THE_KEYS = ("safety", "bad_input", "permanent", "channel")
"""Kinds that say nothing of the key: of the caller's words and input, and of one model."""
_AT_ONCE = ("key", "quota", "address")
_UNASKABLE = ("quota", "address")
"""Kinds that no harmless question shows to be over: a start is the probe."""


@dataclass(frozen=True)
class Standing:
    """Which providers take no new start now, by name, and which take one only after `claim_probe`."""

    unavailable: frozenset[str] = frozenset()
    half_open: frozenset[str] = frozenset()
    resting_routes: frozenset[tuple[str, str]] = frozenset()
    """Provider and `owner/name` of models that an upstream said not to know; they rest for some minutes."""


def unavailable() -> set[str]:
    """Names that take no new start now: disabled, paused, resting, asked to wait, being probed, or cap reached."""
    return set(standing().unavailable)


def standing() -> Standing:
    """The state of every key now. Two short queries, and none in a house without upstreams."""
    if not configuration.any_key():
        return Standing()
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
    return Standing(frozenset(closed_for), frozenset(half_open), frozenset(routes))


def _states() -> QuerySet[Any, Any]:
    """Rows of key, upstream, whether it takes a start now, and whether that one would be its probe."""
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


# Asked under the lock of every choice: each question is compiled once.
_STATES = PreparedValues(_states)
_RESTING = PreparedValues(_resting)


def _usable() -> Q:
    awake = Q(rest_until__isnull=True) | Q(rest_until__lte=Now())
    return awake & Q(enabled=True, upstream__enabled=True, upstream__paused=False)


def _due(now: Any) -> Q:
    """Open for long enough, or probed by somebody who never told how it went."""
    return Q(state=State.OPEN, open_until__lte=now) | Q(state=State.PROBING, probe_until__lte=now)


def claim_probe(name: str) -> bool:
    """Whether one start (or question) may be sent to this key now; of several askers exactly one hears yes.

    Also yes where the circuit is closed: there is nothing to claim. Report with `succeeded` or `failed`; who does not
    within the time limits of a start loses the probe.
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
        # A subquery, for an UPDATE joins nothing.
        may = UpstreamKey.objects.filter(_usable(), _due(Now()), pk=pk)
        won = UpstreamKey.objects.filter(Exists(may), _due(Now()), pk=pk).update(
            state=State.PROBING,
            probe=secrets.token_hex(8),
            probe_until=after(connect_s + read_s + _PROBE_MORE_S),
        )
    return bool(won)


def due_probes() -> list[str]:
    """Names of the keys that rest and may be tried now, except those whose trouble only real work can show."""
    return [provider_name(pk) for pk in probes_due().order_by("pk").values_list("pk", flat=True)]


def probes_due() -> QuerySet[UpstreamKey]:
    """The rows of `due_probes`."""
    return UpstreamKey.objects.filter(_usable(), _due(Now())).exclude(error_kind__in=_UNASKABLE)


def succeeded(name: str, *, question: bool = False) -> None:
    """A start was accepted (or, with `question`, a harmless question answered well).

    After a question alone the next single failure opens the circuit again, for longer: an answer to a question does not
    prove that work succeeds.
    """
    pk = key_pk(name) or 0
    row = UpstreamKey.objects.filter(pk=pk).values_list("state", "failures", "openings", "ok_at").first()
    if row is None:
        return
    state, failures, openings, ok_at = row
    if state == State.PROBING:
        if _close(pk, question=question):
            alerts.healed(pk)
    elif state == State.CLOSED and not question:
        reset = bool(failures or openings)
        # Not with each success: the row would be written a hundred times a second to say the same.
        if reset or ok_at is None or timezone.now() - ok_at > _NOTED_FOR:
            _note_success(pk, reset=reset)


def _close(pk: int, *, question: bool) -> bool:
    left = {"failures": IN_A_ROW - 1} if question else {"failures": 0, "openings": 0}
    with transaction.atomic():
        healed = UpstreamKey.objects.filter(pk=pk, state=State.PROBING).update(
            state=State.CLOSED, open_until=None, probe="", probe_until=None, ok_at=Now(), **left
        )
    return bool(healed)


def _note_success(pk: int, *, reset: bool) -> None:
    rows = UpstreamKey.objects.filter(pk=pk, state=State.CLOSED)
    rows.update(ok_at=Now(), **({"failures": 0, "openings": 0} if reset else {}))


def failed(name: str, error: ProviderError) -> None:
    """A start or question failed. What was the caller's fault counts for nothing, but an answer it is: a probe
    that hears it has found the key well."""
    tell = count_failure(name, error)
    if tell is not None:
        tell()


def count_failure(name: str, error: ProviderError) -> Callable[[], None] | None:
    """`failed`, for a transaction of the caller's: gives what tells the operator, to be called once that is committed.

    None where there is nothing to be told.
    """
    pk = key_pk(name) or 0
    if not pk:
        return None
    told = {"error_kind": error.kind, "error": _words(error), "error_at": Now()}
    if error.kind in _NOT_THE_KEYS or error.kind == "rate":
        if error.kind == "rate":
            _rest(pk, error, told)
        # Too many requests, too, is a living answer to a probe.
        probing = UpstreamKey.objects.filter(pk=pk, state=State.PROBING).exists()
        return partial(alerts.healed, pk) if probing and _close(pk, question=True) else None
    with transaction.atomic():
        opened = _count(pk, error, told)
    return partial(alerts.opened, pk) if opened else None


def _rest(pk: int, error: ProviderError, told: dict[str, Any]) -> None:
    asked = WAIT_S if error.retry_after is None else error.retry_after
    until = after(min(max(asked, 1.0), LONGEST_WAIT_S))
    with transaction.atomic():
        UpstreamKey.objects.filter(pk=pk).update(rest_until=until, **told)


def _count(pk: int, error: ProviderError, told: dict[str, Any]) -> bool:
    """Count one failure, and open the circuit where it was enough. Whether it went from closed to open."""
    rows = UpstreamKey.objects.filter(pk=pk)
    at_once = error.kind in _AT_ONCE
    if rows.filter(state=State.PROBING).update(**_open(error), **told):
        return False
    if rows.filter(state=State.OPEN).update(**told):
        # What was sent before it opened came back late; the rest is not prolonged.
        return False
    rows.filter(state=State.CLOSED).update(failures=F("failures") + 1, **told)
    if not at_once and not _too_many(pk):
        _wait_as_asked(rows, error)
        return False
    return bool(rows.filter(state=State.CLOSED).update(**_open(error)))


def _too_many(pk: int) -> bool:
    if UpstreamKey.objects.filter(pk=pk, failures__gte=IN_A_ROW).exists():
        return True
    minute = UpstreamRun.objects.filter(
        key=pk, error_kind="transient", sent_at__gt=Now() - timedelta(seconds=60)
    ).order_by()
    return len(minute.values_list("pk")[:IN_A_MINUTE]) >= IN_A_MINUTE


def _wait_as_asked(rows: QuerySet[UpstreamKey], error: ProviderError) -> None:
    if error.retry_after:
        rows.update(rest_until=after(min(error.retry_after, LONGEST_REST_S)))


def _open(error: ProviderError) -> dict[str, Any]:
    """5 s, and twice as long each time, to a minute at most; what the service asks for counts up to that too."""
    rests = [FIRST_REST_S * 2**number for number in range(5)]
    asked = min(error.retry_after or 0.0, LONGEST_REST_S)
    cases = [
        When(openings=number, then=after(max(min(rest, LONGEST_REST_S), asked)))
        for number, rest in enumerate(rests)
    ]
    return {
        "state": State.OPEN,
        "open_until": Case(*cases, default=after(LONGEST_REST_S)),
        "openings": F("openings") + 1,
        "probe": "",
        "probe_until": None,
    }


def _words(error: ProviderError) -> str:
    text = str(error) if not error.answer else f"{error}\n{error.answer}"
    return scrub(text).replace("\x00", "")[:_LONGEST_ERROR]


def probe_now(pk: int) -> bool:
    """Let a resting key be tried at once. Whether it was resting."""
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
    """Forget everything: the operator changed the key."""
    with transaction.atomic():
        UpstreamKey.objects.filter(pk=pk).update(**_NEW)


def rest_route(name: str, model_pk: int, error: str, seconds: float = ROUTE_REST_S) -> None:
    """This upstream said that it does not know a model: nothing of it goes there for a while. Other models do."""
    key = UpstreamKey.objects.filter(pk=key_pk(name) or 0).first()
    if key is None:
        return
    told = {"rest_until": after(seconds), "error": scrub(error).replace("\x00", "")[:_LONGEST_ERROR]}
    with transaction.atomic():
        rows = UpstreamRoute.objects.filter(upstream=key.upstream_id, model=model_pk)
        if not rows.update(**told):
            # A route without any difference says the same as none where the whole catalogue is served.
            UpstreamRoute.objects.bulk_create(
                [UpstreamRoute(upstream_id=key.upstream_id, model_id=model_pk)], ignore_conflicts=True
            )
            rows.update(**told)


def forget_route(upstream_pk: int, model_pk: int) -> None:
    """The operator said something of this route: it may be asked for again."""
    with transaction.atomic():
        UpstreamRoute.objects.filter(upstream=upstream_pk, model=model_pk).update(rest_until=None, error="")
