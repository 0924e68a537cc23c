"""Messages on why a prediction failed, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from predictions import availability
from predictions.dispatch import provider_lookup, routing
from predictions.execution import final_states, result_downloads, result_files, retries, start_outcomes
from predictions.lifecycle import messages
from predictions.models import Prediction, Status
from predictions.providers.base import Provider
from predictions.upstreams import circuits

OWN_ERRORS: Mapping[str, Promise] = {
    messages.QUARANTINED: gettext_lazy("It stopped its workers several times and was set aside."),
    messages.TOO_LONG: gettext_lazy("It took longer than this server allows and was stopped."),
    messages.WAITED_TOO_LONG: gettext_lazy("Nothing could take it in time."),
    messages.ANSWER_LOST: gettext_lazy("The upstream's answer was lost."),
    final_states.LOST: gettext_lazy("The upstream stopped."),
    final_states.CANCELED: gettext_lazy("The upstream cancelled it."),
    start_outcomes.NOT_ACCEPTED: gettext_lazy("The upstream did not accept it."),
    start_outcomes.UNKNOWN_THERE: gettext_lazy("No upstream knows this model."),
    start_outcomes.NO_ROOM: gettext_lazy("The upstreams have no room for it at present."),
    availability.CAP_REACHED: gettext_lazy("The upstreams have spent what they may on this day."),
    **{end: gettext_lazy(end) for end in retries.ENDS},
    result_files.NO_FILE: gettext_lazy("The upstream's result held no file. Try again."),
    result_files.TOO_MANY: gettext_lazy("The upstream's result held too many files."),
    result_files.NOT_FITTING: gettext_lazy("The upstream's result did not fit this model. Try again."),
    result_downloads.TOO_LARGE: gettext_lazy("A file of the upstream's result was too large."),
    result_downloads.NO_IMAGE: gettext_lazy("The upstream sent no readable picture. Try again."),
    result_files.UNJUDGED: gettext_lazy(
        "What came could not be checked just now, and was not let through. Try again."
    ),
}
"""Darkroom's own error messages, as in the API, with those of the pages."""

_SENSITIVE = re.compile(r"\bnsfw\b", re.IGNORECASE)


def reason(prediction: Prediction) -> str:
    """Why it failed, without the sentence on credits, which is shown beside; an upstream's own message stays as
    it is."""
    error = (prediction.error or "").removesuffix(messages.FREE).rstrip()
    if error in OWN_ERRORS:
        return str(OWN_ERRORS[error])
    if prediction.filtered:
        return ngettext(
            "The picture was too sensitive and was dropped. Try other words.",
            "All %(n)s were dropped as sensitive. Try other words.",
            prediction.filtered,
        ) % {"n": prediction.filtered}
    if is_too_sensitive(prediction):
        return _("All pictures were too sensitive and were dropped. Try other words.")
    return error or _("The upstream stopped.")


def is_too_sensitive(prediction: Prediction) -> bool:
    """Whether it failed because all its outputs were too sensitive."""
    if prediction.status != Status.FAILED:
        return False
    return bool(prediction.filtered or _SENSITIVE.search(prediction.error or ""))


def _group(provider: Provider) -> str:
    """The upstream of a key; for anything else its name."""
    return str(getattr(provider, "group", "") or provider.name)


def would_move(failed: list[Prediction]) -> set[int]:
    """Primary keys of those that would go to another upstream if retried now.

    That is so where the upstream key it ran with is unavailable now, and an upstream of another name that
    serves the model is available. A few queries for all together, none where nothing failed.
    """
    with_provider = [prediction for prediction in failed if prediction.provider]
    if not with_provider:
        return set()
    providers, unavailable = provider_lookup.all_providers(), circuits.unavailable()
    found = set()
    for prediction in with_provider:
        serving = routing.eligible_providers(
            providers, routing.Wanted(prediction.model.ref, prediction.model.engine_last_resort)
        )
        available = {_group(other) for other in serving if other.name not in unavailable}
        if (
            prediction.provider in unavailable
            and available
            and provider_lookup.shown_name(prediction.provider) not in available
        ):
            found.add(prediction.pk)
    return found
