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
"""A place is worth this long: with many waiting and all of them polling, each would count all the others."""


def extras(prediction: Prediction) -> dict[str, Any]:
    """The key `darkroom` of every prediction object. Amounts are micro-credits; no query is made for it.

    `ceiling` is the most it can cost and what is held while it lives; `charged` is null until it has ended.
    """
    return {
        "ceiling": prediction.ceiling,
        "charged": prediction.charge,
        "progress": prediction.progress,
        "provider": provider(prediction),
        "notice": notice(prediction),
    }


def notice(prediction: Prediction) -> str | None:
    """One sentence on the money of what ended otherwise than asked; None where it lives or delivered everything.

    A failure's `error` may be the model's own text, which says nothing of it.
    """
    if not prediction.is_ended:
        return None
    if not prediction.charge:
        return None if prediction.status == Status.SUCCEEDED else FREE
    return DELIVERED_ONLY if prediction.charge < prediction.ceiling else None


def provider(prediction: Prediction) -> str | None:
    """Who works on it or has: an upstream's name, or `embedded`; None while it waits, and where it never ran."""
    return None if prediction.phase == Phase.WAITING else provider_lookup.shown_name(prediction.provider)


def queue(prediction: Prediction) -> dict[str, Any] | None:
    """Place (1 is next) and seconds until it will probably have ended; None where it does not wait.

    `estimated_seconds` is null where nothing is known of this model's runs. An answer may be a second old.
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
    """Address and number of the newest look at a picture in the making; None where there is none.

    The address opens without a token, so that a page can show it; `absolute` puts the origin before a path.
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
    """The floor above keeps items and says here who knows them; called once when it is ready."""
    _items_sources[:] = [items_of]


def items(prediction: Prediction) -> list[str]:
    """The ids of what the floor above made of a prediction's outputs."""
    return [public_id for items_of in _items_sources for public_id in items_of(prediction)]
