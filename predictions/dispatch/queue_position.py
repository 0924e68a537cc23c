"""Position of a waiting prediction in the queue, and the estimated seconds until it starts."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Max, Min

from predictions.dispatch import provider_lookup, routing
from predictions.dispatch.fair_share import PLAN_LIMITS, in_flight_counts
from predictions.dispatch.priority import Priorities
from predictions.models import Phase, Prediction, Status

_USUAL_FOR_S = 10.0


@dataclass(frozen=True)
class QueuePosition:
    """Position in the queue, 1 being next. `seconds` is an estimate from recent runs, or None."""

    number: int
    seconds: float | None


def queue_position(prediction: Prediction) -> QueuePosition | None:
    """The position that `fair_share.choose` would give, over all accounts; None where the prediction does not wait."""
    if prediction.phase != Phase.WAITING:
        return None
    in_flight, _users = in_flight_counts()
    waiting = Prediction.objects.filter(phase=Phase.WAITING)
    up_to_this = waiting.filter(account_id=prediction.account_id, pk__lte=prediction.pk)
    up_to_it = up_to_this.aggregate(n=Count("pk"), last=Max("pk"))
    if up_to_it["last"] != prediction.pk:
        return None  # begun since the row was read
    place_in_account: int = up_to_it["n"]
    others = waiting.exclude(account_id=prediction.account_id).order_by().values_list("account_id")
    counts = list(others.annotate(n=Count("pk"), head=Min("pk")))
    of_plans = {pk: priority for pk, _limit, priority in PLAN_LIMITS.all() if priority}
    heads = {pk: head for pk, _n, head in counts} | {prediction.account_id: prediction.pk}
    priorities = Priorities(of_plans, heads)
    priorities.read_waiting_times([head for pk, head in heads.items() if priorities.ages(pk, in_flight[pk])])
    # After how many turns of the others this account has had as many as it has now; its very next may come
    # sooner, by age.
    turns = {pk: in_flight[pk] - of_plans.get(pk, 0) for pk in heads}
    soonest = {pk: in_flight[pk] - priorities.of(pk, in_flight[pk], head) for pk, head in heads.items()}
    turn = place_in_account + (soonest if place_in_account == 1 else turns)[prediction.account_id]
    # In each turn every account is served once, so this many of each other account come before it.
    before = sum(min(n, max(turn - turns[pk], int(soonest[pk] < turn), 0)) for pk, n, _head in counts)
    number = before + place_in_account
    return QueuePosition(number, _estimate(prediction, number))


def _estimate(prediction: Prediction, number: int) -> float | None:
    model = prediction.model
    wanted = routing.Wanted(model.ref, model.engine_last_resort)
    slots = sum(
        provider.limit for provider in routing.eligible_providers(provider_lookup.all_providers(), wanted)
    )
    usual = typical_seconds(prediction.model_id) if slots else 0.0
    return usual * (1 + number / slots) if usual else None


def typical_seconds(model_id: int) -> float:
    """Average duration of a model's recent runs in seconds; 0 without any. Cached for some seconds.

    Everybody who waits for the model needs the same figure, and behind a long queue its last runs are slow to find.
    """
    key = f"usual-run-{model_id}"
    found: float | None = cache.get(key)
    if found is None:
        recent = Prediction.objects.filter(
            model_id=model_id, status=Status.SUCCEEDED, started_at__isnull=False
        ).order_by("-id")[:30]
        took = ExpressionWrapper(F("completed_at") - F("started_at"), output_field=DurationField())
        keys = list(recent.values_list("pk", flat=True))
        average = Prediction.objects.filter(pk__in=keys).aggregate(s=Avg(took))["s"] if keys else None
        found = average.total_seconds() if average is not None else 0.0
        cache.set(key, found, _USUAL_FOR_S)
    return found
