"""Why something was not made, in the reader's language: what happened, what came back, what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from predictions import availability
from predictions.dispatch import provider_lookup, routing
from predictions.execution import final_states, result_downloads, result_files, retries, starts
from predictions.lifecycle import messages
from predictions.models import Prediction, Status
from predictions.providers.base import Provider
from predictions.upstreams import circuits

OURS: Mapping[str, Promise] = {
    messages.QUARANTINED: gettext_lazy("It stopped its workers several times and was set aside."),
    messages.TOO_LONG: gettext_lazy("It took longer than this server allows and was stopped."),
    messages.WAITED_TOO_LONG: gettext_lazy("Nothing could take it in time."),
    messages.ANSWER_LOST: gettext_lazy("The upstream's answer was lost."),
    final_states.LOST: gettext_lazy("The upstream stopped."),
    final_states.CANCELED: gettext_lazy("The upstream cancelled it."),
    starts.NOT_ACCEPTED: gettext_lazy("The upstream did not accept it."),
    starts.UNKNOWN_THERE: gettext_lazy("No upstream knows this model."),
    starts.NO_ROOM: gettext_lazy("The upstreams have no room for it at present."),
    availability.CAPPED: gettext_lazy("The upstreams have spent what they may on this day."),
    **{end: gettext_lazy(end) for end in retries.ENDS},
    result_files.NO_FILE: gettext_lazy("The upstream's result held no file. Try again."),
    result_files.TOO_MANY: gettext_lazy("The upstream's result held too many files."),
    result_files.NOT_FITTING: gettext_lazy("The upstream's result did not fit this model. Try again."),
    result_downloads.TOO_LARGE: gettext_lazy("A file of the upstream's result was too large."),
    result_downloads.NO_PICTURE: gettext_lazy("The upstream sent no readable picture. Try again."),
    result_files.UNJUDGED: gettext_lazy(
        "What came could not be checked just now, and was not let through. Try again."
    ),
}
"""Darkroom's own errors, as the API tells them, in the words of the pages."""

_SENSITIVE = re.compile(r"\bnsfw\b", re.IGNORECASE)


def reason(prediction: Prediction) -> str:
    """Why it failed, without the words on money that stand beside it; an upstream's own words stay as they are."""
    said = (prediction.error or "").removesuffix(messages.FREE).rstrip()
    if said in OURS:
        return str(OURS[said])
    if prediction.filtered:
        return ngettext(
            "The picture was too sensitive and was dropped. Try other words.",
            "All %(n)s were dropped as sensitive. Try other words.",
            prediction.filtered,
        ) % {"n": prediction.filtered}
    if held_back(prediction):
        return _("All pictures were too sensitive and were dropped. Try other words.")
    return said or _("The upstream stopped.")


def held_back(prediction: Prediction) -> bool:
    """Whether nothing came of it because all of it was too sensitive."""
    if prediction.status != Status.FAILED:
        return False
    return bool(prediction.filtered or _SENSITIVE.search(prediction.error or ""))


def _group(provider: Provider) -> str:
    """The upstream of a key; the name of anything else."""
    return str(getattr(provider, "group", "") or provider.name)


def elsewhere(failed: list[Prediction]) -> set[int]:
    """The keys of those that would go to another upstream if they were asked for again now.

    That is so where the key that it ran with takes no work at present and an upstream of another name does that serves
    the model. A few queries for all of them together, none where nothing failed.
    """
    tried = [one for one in failed if one.provider]
    if not tried:
        return set()
    everyone, closed = provider_lookup.all_providers(), circuits.unavailable()
    found = set()
    for one in tried:
        serving = routing.serving(everyone, routing.Wanted(one.model.ref, one.model.engine_last_resort))
        awake = {_group(other) for other in serving if other.name not in closed}
        if one.provider in closed and awake and provider_lookup.shown_name(one.provider) not in awake:
            found.add(one.pk)
    return found
