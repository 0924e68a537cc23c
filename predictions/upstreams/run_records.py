"""Records of upstream runs and daily spending: their only writer, each change in its own transaction.

A run is written, with its reservation from the daily cap, before anything is sent. A day's `spent` is always the sum
over its runs of the cost where known, else of the reservation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from core.clock import Now
from core.db import pipeline
from core.db.pipeline import PreparedInsert
from core.db.prepared import Prepared
from core.redaction import scrub
from predictions.models import Prediction, Upstream, UpstreamDay, UpstreamKey, UpstreamRoute, UpstreamRun
from predictions.providers.base import ProviderError
from predictions.providers.provider_names import key_pk
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import alerts, costs
from predictions.upstreams.budget import day_of, today

Outcome = UpstreamRun.Outcome

_MAX_RESPONSE = 4000
_OPEN = (Outcome.SENT, Outcome.LOST)
_ENDS: dict[str, tuple[str, ...]] = {
    Outcome.ACCEPTED: (Outcome.SENT, Outcome.LOST),
    Outcome.REFUSED: (Outcome.SENT, Outcome.LOST),
    Outcome.LOST: (Outcome.SENT, Outcome.ACCEPTED),
    Outcome.SUCCEEDED: (Outcome.SENT, Outcome.ACCEPTED, Outcome.LOST),
    Outcome.FAILED: (Outcome.SENT, Outcome.ACCEPTED, Outcome.LOST),
    Outcome.CANCELED: (Outcome.SENT, Outcome.ACCEPTED, Outcome.LOST),
    # A run cancelled, given up or failed here may still have succeeded there.
    Outcome.DROPPED: (Outcome.SENT, Outcome.ACCEPTED, Outcome.LOST, Outcome.FAILED, Outcome.CANCELED),
}


# Each start asks both: compiled once.
_KEY = Prepared[UpstreamKey](lambda pk: UpstreamKey.objects.select_related("upstream").filter(pk=pk)[:1])
_ROUTE = Prepared[UpstreamRoute](
    lambda upstream, model: UpstreamRoute.objects.filter(upstream_id=upstream, model_id=model)[:1]
)


_RUN = PreparedInsert(UpstreamRun)


class CapReached(Exception):
    """The run exceeds the upstream's daily cap; nothing was sent, and nothing may be sent there today."""


class NotYours(Exception):
    """The start belongs to another worker or is no longer needed; nothing was written."""


def reserve(
    prediction: Prediction,
    provider_name: str,
    is_still_claimed: Callable[[], bool] = lambda: True,
    *,
    anew: bool = False,
) -> UpstreamRun:
    """Write the row of a start and reserve its cost from the daily cap. Call it before sending.

    A repeat of the same run with the same key (its response was lost) gets the same row; `anew`: the caller knows that
    there is none. `is_still_claimed` is called first, in the same transaction. Raises `CapReached`, `NotYours` where it
    returns False, or `UnknownProvider` where the key was deleted.
    """
    key = _KEY.first(pk=key_pk(provider_name) or 0)
    if key is None:
        raise UnknownProvider(f"No provider is called {provider_name}.")
    same_run = UpstreamRun.objects.filter(prediction=prediction, run=prediction.run, key=key)
    route = _ROUTE.first(upstream=key.upstream_id, model=prediction.model_id)
    most = costs.reserve(route, prediction)
    with transaction.atomic():
        if not is_still_claimed():
            raise NotYours
        known = None if anew else same_run.filter(outcome__in=_OPEN).order_by("-id").first()
        if known is not None:
            same_run.filter(pk=known.pk).update(outcome=Outcome.SENT)
            known.refresh_from_db()
            return known
        run = UpstreamRun(
            prediction=prediction, upstream=key.upstream, key=key, run=prediction.run, reserved=most
        )
        with pipeline.batch() as batch:
            batch.send(_RUN.statement(run))
        if _add_to_day(key.upstream, run, most):
            return run
        transaction.set_rollback(True)
    _cap(key.upstream)
    raise CapReached(f"{key.upstream.name} has spent the most that it may on this day.")


def _add_to_day(upstream: Upstream, run: UpstreamRun, most: int) -> bool:
    """Add to the day, unless that goes beyond the cap."""
    day = UpstreamDay.objects.filter(upstream=upstream, day=day_of(run.sent_at))
    fits = day
    if upstream.day_cap is not None:
        # At the cap nothing more is sent, not even a run without a known price.
        fits = day.filter(spent__lt=upstream.day_cap, spent__lte=upstream.day_cap - most)
    if fits.update(spent=F("spent") + most):
        return True
    UpstreamDay.objects.bulk_create(
        [UpstreamDay(upstream=upstream, day=day_of(run.sent_at))], ignore_conflicts=True
    )
    return bool(fits.update(spent=F("spent") + most))


def _cap(upstream: Upstream) -> None:
    with transaction.atomic():
        UpstreamDay.objects.bulk_create([UpstreamDay(upstream=upstream, day=_today())], ignore_conflicts=True)
        first = UpstreamDay.objects.filter(upstream=upstream, day=today(), capped_at__isnull=True)
        alert = bool(first.update(capped_at=Now()))
    if alert:
        alerts.capped(upstream)


def _today() -> Any:
    return Upstream.objects.values_list(today(), flat=True)[:1].get()


def uncap(upstream_pk: int) -> None:
    """The cap was changed: today's may be tried again."""
    with transaction.atomic():
        UpstreamDay.objects.filter(upstream=upstream_pk, day=today()).update(capped_at=None)


def run_of(prediction: Prediction) -> UpstreamRun | None:
    """The newest run of a prediction at the provider that it has; None for the engine's work."""
    pk = key_pk(prediction.provider)
    rows = UpstreamRun.objects.filter(prediction=prediction, key=pk).order_by("-id")
    return rows.first() if pk else None


def is_sent(run: UpstreamRun) -> bool:
    """Whether the outcome of its last start is still unreported."""
    return UpstreamRun.objects.filter(pk=run.pk, outcome=Outcome.SENT).exists()


def accepted(run: UpstreamRun, job_id: str, answered_ms: int | None = None) -> None:
    """The upstream accepted the run under this id."""
    _move(run, Outcome.ACCEPTED, job_id=job_id[:200], answered_ms=answered_ms)


def refused(run: UpstreamRun, error: ProviderError, answered_ms: int | None = None) -> None:
    """Nothing was started: release the reservation."""
    _move(run, Outcome.REFUSED, cost=0, ended=True, answered_ms=answered_ms, **_error_columns(error))


def lost(run: UpstreamRun, error: ProviderError) -> None:
    """It was sent, and whether it runs there is unknown. The reservation stays until an operator has checked."""
    _move(run, Outcome.LOST, **_error_columns(error))


def ended(
    run: UpstreamRun,
    outcome: str,
    *,
    metrics: dict[str, Any] | None = None,
    delivered: int = 0,
    error: str = "",
    answered_ms: int | None = None,
) -> int | None:
    """The run ended there: `succeeded`, `failed`, `canceled`, or `dropped` (a success no longer needed).

    `metrics`: the provider's; `delivered`: number of output files; `answered_ms`: where the start's response was final.
    Returns the cost in micro-credits, None where unknown. Idempotent: an end reported before changes nothing.
    """
    route = _ROUTE.first(upstream=run.upstream_id, model=run.prediction.model_id)
    cost = costs.cost(route, outcome, metrics or {}, delivered)
    columns: dict[str, Any] = {
        "answer": scrub(error).replace("\x00", "")[:_MAX_RESPONSE],
        "answered_ms": answered_ms,
    }
    if _end_as_known(run, outcome, cost, **columns):
        return cost
    _move(run, outcome, cost=cost, ended=True, **columns)
    run.refresh_from_db(fields=["cost"])
    return run.cost


def _end_as_known(run: UpstreamRun, outcome: str, cost: int | None, **columns: Any) -> bool:
    """End a run that is as it was read or made, without reading it again. False where it may be otherwise."""
    if run.cost is not None:
        return False
    columns = {name: value for name, value in columns.items() if value not in (None, "")}
    same = UpstreamRun.objects.filter(
        pk=run.pk, outcome__in=_ENDS[outcome], cost__isnull=True, reserved=run.reserved
    )
    with transaction.atomic(savepoint=False):
        if not same.update(outcome=outcome, cost=cost, reserved=0, ended_at=Now(), **columns):
            return False
        _correct(run, (cost or 0) - run.reserved)
    return True


def checked(run: UpstreamRun, *, it_ran: bool) -> bool:
    """Resolve a lost start: it ran there (the reservation becomes its cost), or not. False where it is not lost."""
    if it_ran:
        return _move(run, Outcome.DROPPED, cost=run.reserved, ended=True, from_outcomes=(Outcome.LOST,))
    return _move(run, Outcome.REFUSED, cost=0, ended=True, from_outcomes=(Outcome.LOST,))


def _error_columns(error: ProviderError) -> dict[str, Any]:
    text = f"{error}\n{error.answer}" if error.answer else str(error)
    return {"error_kind": error.kind, "answer": scrub(text).replace("\x00", "")[:_MAX_RESPONSE]}


def _move(
    run: UpstreamRun,
    outcome: str,
    *,
    cost: int | None = None,
    ended: bool = False,
    from_outcomes: tuple[str, ...] = (),
    **columns: Any,
) -> bool:
    """One transition of a run, with the day's sum in the same transaction. False where its state differs already."""
    columns = {name: value for name, value in columns.items() if value not in (None, "")}
    with transaction.atomic(savepoint=False):
        rows = UpstreamRun.objects.filter(pk=run.pk, outcome__in=from_outcomes or _ENDS[outcome])
        now = rows.select_for_update().first()
        if now is None:
            return False
        if ended:
            counted = now.reserved if now.cost is None else now.cost
            columns |= {"cost": cost, "reserved": 0, "ended_at": Now()}
            _correct(now, (cost or 0) - counted)
        return bool(rows.update(outcome=outcome, **columns))


def _correct(run: UpstreamRun, difference: int) -> None:
    if difference:
        day = UpstreamDay.objects.filter(upstream=run.upstream_id, day=day_of(run.sent_at))
        day.update(spent=F("spent") + difference)


def erase_responses(prediction_ids: Sequence[int]) -> None:
    """Erase upstream responses about these predictions, which may repeat their prompts; the costs stay."""
    UpstreamRun.objects.filter(prediction_id__in=prediction_ids).exclude(answer="").update(answer="")
