"""Which models can be served at all, by the providers as they are configured now."""

from __future__ import annotations

from django.db.models import Exists, QuerySet

from core.db.due_rows import PART_S, DueRows
from predictions import lifecycle
from predictions.dispatch import provider_lookup, routing
from predictions.models import HostedModel, Phase, Prediction
from predictions.upstreams import budget

CAPPED = "The services that run this model have spent the most that they may on this day."


def can_serve(model: HostedModel) -> bool:
    """Whether any provider serves the model; a prediction for one that none serves is refused."""
    return any(provider.serves(model.ref) for provider in provider_lookup.all_providers())


def is_capped(model: HostedModel) -> bool:
    """Whether everybody that could work on it has spent the most that they may on this day. Asks nobody outside."""
    wanted = routing.Wanted(model.ref, model.engine_last_resort)
    groups = {getattr(one, "group", "") for one in routing.serving(provider_lookup.all_providers(), wanted)}
    return bool(groups) and "" not in groups and groups <= budget.reached()


def end_capped(seconds: float = PART_S) -> int:
    """Fail what waits for nobody but upstreams that take nothing more on this day: it is told at once. How many."""
    return _CAPPED.work(seconds) if budget.reached() else 0


def waiting_where_capped() -> QuerySet[Prediction]:
    """Something waits that was sent to nobody, while an upstream is at its cap: then `end_capped` may have work."""
    return Prediction.objects.filter(Exists(budget.rows()), phase=Phase.WAITING, provider="")


def _waiting_for_capped() -> QuerySet[Prediction, tuple[int]]:
    models = [model.pk for model in HostedModel.objects.filter(enabled=True) if is_capped(model)]
    waiting = Prediction.objects.filter(phase=Phase.WAITING, provider="", model__in=models)
    return waiting.values_list("pk")


_CAPPED = DueRows("capped", _waiting_for_capped, lambda row: lifecycle.fail_waiting(row[0], CAPPED))


def served_refs() -> set[str]:
    """`owner/name` of every enabled model that some provider serves."""
    refs = (model.ref for model in HostedModel.objects.filter(enabled=True))
    everyone = provider_lookup.all_providers()
    return {ref for ref in refs if any(provider.serves(ref) for provider in everyone)}


def refs_taking_pictures() -> set[str]:
    """Those of `served_refs` that some provider works on from a picture."""
    everyone = provider_lookup.all_providers()
    return {
        ref for ref in served_refs() if any(one.serves(ref) and one.takes_pictures(ref) for one in everyone)
    }
