"""The key `darkroom` of a prediction object: its cost, its progress, its place in the queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache import cache

from predictions.dispatch import provider_lookup, queue_position
from predictions.lifecycle import previews
from predictions.lifecycle.messages import FREE
from predictions.models import Phase, Prediction, Status

DELIVERED_ONLY = "Only the delivered outputs were charged."
_FRESH_S = 1.0
"""Seconds for which a queue position is cached: with many callers polling, each would count all the others."""


def extras(prediction: Prediction) -> dict[str, Any]:
    """The key `darkroom` of every prediction object. Amounts are micro-credits; makes no query.

    `ceiling` is the maximum cost, held while it is live; `charged` is null until it has ended.
    """
    return {
        "ceiling": prediction.ceiling,
        "charged": prediction.charge,
        "progress": prediction.progress,
        "provider": provider(prediction),
        "notice": notice(prediction),
    }


def notice(prediction: Prediction) -> str | None:
    """One sentence about the charge of a failed or partial prediction; None while live or if fully delivered.

    A failure's `error` may be the model's own text, which does not mention the charge.
    """
    if not prediction.is_ended:
        return None
    if not prediction.charge:
        return None if prediction.status == Status.SUCCEEDED else FREE
    return DELIVERED_ONLY if prediction.charge < prediction.ceiling else None


def provider(prediction: Prediction) -> str | None:
    """The provider of its run: an upstream's name, or `embedded`; None while it waits, or if it never ran."""
    return None if prediction.phase == Phase.WAITING else provider_lookup.shown_name(prediction.provider)


def queue(prediction: Prediction) -> dict[str, Any] | None:
    """Queue position (1 is next) and estimated seconds until its end; None where it does not wait.

    `estimated_seconds` is null where no run of this model is known. May be a second old.
    """
    if prediction.phase != Phase.WAITING:
        return None
    key = f"place-{prediction.public_id}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        place = queue_position.queue_position(prediction)
        if place is None:
            return None
        seconds = None if place.seconds is None else round(place.seconds, 1)
        found = {"position": place.number, "estimated_seconds": seconds}
        cache.set(key, found, _FRESH_S)
    return found


def preview(prediction: Prediction, absolute: Callable[[str], str]) -> dict[str, Any] | None:
    """URL and number of the newest preview; None where there is none.

    The URL needs no token, so that a page can show it; `absolute` makes a path absolute.
    """
    if prediction.phase != Phase.RUNNING or not prediction.version.gives_files:
        return None
    number = previews.number_of(prediction.pk)
    if number is None:
        return None
    return {"url": absolute(previews.path_of(prediction, number, key=True)), "number": number}


ItemsOf = Callable[[Prediction], list[str]]
_items_sources: list[ItemsOf] = []


def register_items_source(items_of: ItemsOf) -> None:
    """Register the function that lists item ids; called once when the gallery app is ready."""
    _items_sources[:] = [items_of]


def items(prediction: Prediction) -> list[str]:
    """Ids of the gallery items made from a prediction's outputs."""
    return [public_id for items_of in _items_sources for public_id in items_of(prediction)]
