"""Classes of failure for charts: five, from a prediction's error and its last run at an upstream."""

from __future__ import annotations

import re

from predictions import availability
from predictions.execution import final_states, retries, start_outcomes
from predictions.lifecycle import messages
from predictions.models import FailureDay
from predictions.providers.http import error_phrases

Reason = FailureDay.Reason

_KNOWN: dict[str, str] = {
    messages.QUARANTINED: Reason.OURS,
    messages.TOO_LONG: Reason.TOO_LONG,
    messages.WAITED_TOO_LONG: Reason.TOO_LONG,
    messages.ANSWER_LOST: Reason.UPSTREAM,
    final_states.LOST: Reason.UPSTREAM,
    final_states.CANCELED: Reason.UPSTREAM,
    start_outcomes.NOT_ACCEPTED: Reason.UPSTREAM,
    start_outcomes.UNKNOWN_THERE: Reason.UPSTREAM,
    start_outcomes.NO_ROOM: Reason.UPSTREAM,
    availability.CAP_REACHED: Reason.UPSTREAM,
}
_KINDS: dict[str, str] = {"safety": Reason.SENSITIVE, "bad_input": Reason.INPUT}
_NSFW = re.compile(r"\bnsfw\b", re.IGNORECASE)
_LOOKED_AT = 4000


def classify(error: str, *, kind: str = "", upstream: bool = True, filtered: int = 0) -> str:
    """The class of a failure.

    `kind`: error kind of the last refusal by an upstream; `upstream`: whether it ran at one; `filtered`: how many
    outputs this server's filters dropped.
    """
    if filtered:
        return Reason.SENSITIVE
    reason = error.removesuffix(messages.FREE).rstrip()
    if reason == retries.GONE:
        return Reason.UPSTREAM if upstream else Reason.OURS
    if reason in _KNOWN:
        return _KNOWN[reason]
    if kind in _KINDS:
        return _KINDS[kind]
    text = reason.lower()[:_LOOKED_AT]
    if _NSFW.search(text) or error_phrases.SAFETY.search(text):
        return Reason.SENSITIVE
    if error_phrases.BAD_INPUT.search(text):
        return Reason.INPUT
    return Reason.UPSTREAM if upstream else Reason.OURS
