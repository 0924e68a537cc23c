"""Which enabled models some configured provider can serve now, and what is refused because of daily spending caps."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, QuerySet

from core.db.due_rows import PART_S, DueRows
from predictions import lifecycle
from predictions.dispatch import provider_lookup, routing
from predictions.models import HostedModel, Phase, Prediction
from predictions.providers.base import Provider
from predictions.upstreams import budget

NOT_SERVED = "No provider can serve this model at present."
CAP_REACHED = "The services that run this model have spent the most that they may on this day."


def objection(model: HostedModel, providers: Sequence[Provider]) -> str:
    """Error message for a new prediction of a model that none of the providers can take; empty where one can."""
    if not _is_served(model.ref, providers):
        return lifecycle.free(NOT_SERVED)
    return lifecycle.free(CAP_REACHED) if _is_capped(model, providers) else ""


def can_serve(model: HostedModel) -> bool:
    """Whether any configured provider serves the model."""
    return _is_served(model.ref, provider_lookup.all_providers())


def is_capped(model: HostedModel) -> bool:
    """Whether every upstream that could serve the model has reached its daily spending cap. Makes no network call."""
    return _is_capped(model, provider_lookup.all_providers())


def _is_served(ref: str, providers: Sequence[Provider]) -> bool:
    return any(provider.serves(ref) for provider in providers)


def _is_capped(model: HostedModel, providers: Sequence[Provider]) -> bool:
    wanted = routing.Wanted(model.ref, model.engine_last_resort)
    groups = {getattr(provider, "group", "") for provider in routing.eligible_providers(providers, wanted)}
    return bool(groups) and "" not in groups and groups <= budget.reached()


def fail_capped(seconds: float = PART_S) -> int:
    """Fail waiting, unsent predictions that only upstreams at their daily cap could run. Returns how many it failed.

    They are failed at once rather than at their deadline. `seconds` bounds the time that one call may take.
    """
    return _CAPPED.work(seconds) if budget.reached() else 0


def waiting_while_capped() -> QuerySet[Prediction]:
    """Unsent waiting predictions, while some upstream is at its cap: a cheap test for `fail_capped`."""
    return Prediction.objects.filter(Exists(budget.rows()), phase=Phase.WAITING, provider="")


def _waiting_for_capped() -> QuerySet[Prediction, tuple[int]]:
    models = [model.pk for model in HostedModel.objects.filter(enabled=True) if is_capped(model)]
    waiting = Prediction.objects.filter(phase=Phase.WAITING, provider="", model__in=models)
    return waiting.values_list("pk")


_CAPPED = DueRows("capped", _waiting_for_capped, lambda row: lifecycle.fail_waiting(row[0], CAP_REACHED))


def served_refs() -> set[str]:
    """`owner/name` of every enabled model that some provider serves."""
    refs = (model.ref for model in HostedModel.objects.filter(enabled=True))
    providers = provider_lookup.all_providers()
    return {ref for ref in refs if _is_served(ref, providers)}


def refs_with_image_input() -> set[str]:
    """The subset of `served_refs` that some provider can run with an image input."""
    providers = provider_lookup.all_providers()
    return {
        ref
        for ref in served_refs()
        if any(provider.serves(ref) and provider.takes_pictures(ref) for provider in providers)
    }
