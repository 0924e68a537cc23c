"""Retry policy for result files that could not be fetched: whether, when and how long, by kind of fault.

Failure counts are stored in the prediction's `result`, so that the next worker continues the count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from predictions import lifecycle
from predictions.lifecycle.leases import COLLECT_PATIENCE
from predictions.models import Prediction
from predictions.providers.base import FileFault

LONGEST_PAUSE_S = 60.0
GONE = gettext_noop("The finished files were gone before they could be stored.")
KEY = "fetches"
"""The key in `result` with the failure counts."""


@dataclass(frozen=True)
class Patience:
    """For how long and how often the fetch of a file is retried after one kind of fault."""

    seconds: float
    waiting: str
    """The message while it is retried."""
    end: str
    """The error when it is given up: what happened, and what to do."""
    most: int = 0
    """Consecutive failures of that kind before it is given up; 0 for no limit."""
    pause_s: float = LONGEST_PAUSE_S
    """The longest pause between two attempts."""


PATIENCE: Mapping[FileFault, Patience] = {
    "missing": Patience(
        30.0,
        gettext_noop("A finished file isn't there yet. Trying again for half a minute."),
        GONE,
        pause_s=10.0,
    ),
    "cut": Patience(
        120.0,
        gettext_noop("A finished file arrived incomplete. Trying again."),
        gettext_noop("The finished files arrived incomplete each time. Try again."),
        most=3,
        pause_s=10.0,
    ),
    "slow": Patience(
        120.0,
        gettext_noop("A finished file is arriving too slowly. Trying again."),
        gettext_noop("The finished files arrived too slowly to be stored. Try again."),
        most=3,
        pause_s=10.0,
    ),
    "busy": Patience(
        120.0,
        gettext_noop("The server that has a finished file answered with an error. Trying again."),
        gettext_noop("The server that has the finished files kept answering with errors. Try again later."),
        pause_s=20.0,
    ),
    "unreachable": Patience(
        COLLECT_PATIENCE,
        gettext_noop("The server that has a finished file can't be reached. Trying again for ten minutes."),
        gettext_noop("The server that has the finished files couldn't be reached. Try again later."),
    ),
}
ENDS = tuple(patience.end for patience in PATIENCE.values())


@dataclass(frozen=True)
class Retries:
    """The next retry of a result's missing files, all failures so far, and the files given up."""

    seconds: float
    """Seconds until the next attempt."""
    counted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By output index, for the row: the fault, consecutive failures, and the result's age at the first of them."""
    given_up: dict[int, str] = field(default_factory=dict)
    """The error for each file given up, by output index."""
    note: str = ""
    """The message in the meantime."""


def for_prediction(prediction: Prediction, awaited: Mapping[int, FileFault]) -> Retries:
    """Count these failures and decide which files are retried. Queries the database for the time."""
    age = lifecycle.result_age(prediction)
    before: Mapping[str, Mapping[str, Any]] = (prediction.result or {}).get(KEY) or {}
    counted: dict[str, dict[str, Any]] = {}
    given_up: dict[int, str] = {}
    for place, fault in awaited.items():
        known, patience = before.get(str(place)) or {}, PATIENCE[fault]
        again = known.get("fault") == fault
        times, since = (known["times"] + 1, known["since"]) if again else (1, round(age, 3))
        if (patience.most and times >= patience.most) or age - since >= patience.seconds:
            given_up[place] = patience.end
        else:
            counted[str(place)] = {"fault": fault, "times": times, "since": since}
    waiting = sorted({awaited[int(place)] for place in counted})
    longest = min((PATIENCE[fault].pause_s for fault in waiting), default=LONGEST_PAUSE_S)
    note = " ".join(PATIENCE[fault].waiting for fault in waiting)
    return Retries(min(max(age / 2, 1.0), longest), counted, given_up, note)


def log_message(logs: str) -> str:
    """The retry message in a log's last line; empty where that line is something else."""
    line = logs[-1000:].rstrip("\n").rpartition("\n")[2].removeprefix("[").removesuffix("]")
    return next((patience.waiting for patience in PATIENCE.values() if line.startswith(patience.waiting)), "")
