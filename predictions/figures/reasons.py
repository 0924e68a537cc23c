"""For what sort of reason a prediction failed: five classes for charts, from its error and its last run upstream."""

from __future__ import annotations

import re

from predictions import availability
from predictions.lifecycle import ending
from predictions.models import FailureDay
from predictions.providers.upstream import words
from predictions.running import collecting, finishing, starting

Reason = FailureDay.Reason

_KNOWN: dict[str, str] = {
    ending.QUARANTINED: Reason.OURS,
    ending.TOO_LONG: Reason.TOO_LONG,
    ending.WAITED_TOO_LONG: Reason.TOO_LONG,
    ending.ANSWER_LOST: Reason.UPSTREAM,
    finishing.LOST: Reason.UPSTREAM,
    finishing.CANCELED: Reason.UPSTREAM,
    starting.NOT_ACCEPTED: Reason.UPSTREAM,
    starting.UNKNOWN_THERE: Reason.UPSTREAM,
    starting.NO_ROOM: Reason.UPSTREAM,
    availability.CAPPED: Reason.UPSTREAM,
}
_KINDS: dict[str, str] = {"safety": Reason.SENSITIVE, "bad_input": Reason.INPUT}
_NSFW = re.compile(r"\bnsfw\b", re.IGNORECASE)
_LOOKED_AT = 4000


def of(error: str, *, kind: str = "", upstream: bool = True, filtered: int = 0) -> str:
    """The class of a failure.

    `kind`: what the last refusal of an upstream was taken for; `upstream`: whether it ran at one; `filtered`: how many
    outputs this house dropped.
    """
    if filtered:
        return Reason.SENSITIVE
    said = error.removesuffix(ending.FREE).rstrip()
    if said == collecting.GONE:
        return Reason.UPSTREAM if upstream else Reason.OURS
    if said in _KNOWN:
        return _KNOWN[said]
    if kind in _KINDS:
        return _KINDS[kind]
    text = said.lower()[:_LOOKED_AT]
    if _NSFW.search(text) or words.SAFETY.search(text):
        return Reason.SENSITIVE
    if words.BAD_INPUT.search(text):
        return Reason.INPUT
    return Reason.UPSTREAM if upstream else Reason.OURS
