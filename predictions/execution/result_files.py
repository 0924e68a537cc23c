"""Outputs of a finished result: the files to fetch, those found, missing or dropped, and their storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from jsonschema import Draft202012Validator

from core.db import retry
from predictions.execution import retries
from predictions.execution.result_downloads import UNUSABLE, FetchedFile, Unusable, safe_name
from predictions.execution.retries import GONE
from predictions.files import media
from predictions.image_safety.safety_pipeline import Judgement
from predictions.lifecycle.completion import PreparedOutput
from predictions.models import Output, Prediction
from predictions.providers.base import FileError, FileFault, OutputRef, Provider, ProviderError
from predictions.providers.provider_names import is_upstream

log = structlog.get_logger(__name__)

MAX_FILES = 64
NOT_HAD = "these could not be had and cost nothing:"
DROPPED = "these were too sensitive and were dropped:"
NO_FILE = f"{UNUSABLE} it holds no file. Try again."
TOO_MANY = f"{UNUSABLE} it holds more than {MAX_FILES} files."
NOT_FITTING = f"{UNUSABLE} it does not fit the model's output schema. Try again."
UNJUDGED = "What came could not be checked just now, and was not let through. Try again."


class Gone(Exception):
    """The provider no longer has the files."""


@dataclass(frozen=True)
class Found:
    """What was obtained of a result."""

    outputs: list[PreparedOutput] = field(default_factory=list)
    value: Any = None
    """The JSON output of a model without files."""
    missing: dict[int, str] = field(default_factory=dict)
    """Outputs that will not come: a sentence for users that says why, by index."""
    awaited: dict[int, FileFault] = field(default_factory=dict)
    """Outputs that may still come: the current fault of each, by index."""
    asked: int = 0
    """The expected number of outputs."""
    judged: dict[int, Judgement] = field(default_factory=dict)
    """Verdicts of the safety checks on fetched outputs, by index."""

    @property
    def dropped(self) -> list[int]:
        """Indices of outputs that the safety checks blocked for their content."""
        return sorted(place for place, one in self.judged.items() if one.dropped and not one.unjudged)

    @property
    def unjudged(self) -> list[int]:
        """Indices of outputs blocked because the safety checks could not judge them: not charged."""
        return sorted(place for place, one in self.judged.items() if one.dropped and one.unjudged)

    @property
    def is_waited_for(self) -> bool:
        """Whether a later retry is worthwhile."""
        return bool(self.awaited)

    @property
    def is_enough(self) -> bool:
        """Whether there is any output to deliver."""
        return bool(self.outputs) or not self.asked

    @property
    def reason(self) -> str:
        """Why outputs are missing, for operators."""
        return "; ".join(sorted({*self.missing.values(), *self.awaited.values()}))

    def give_up_files(self) -> None:
        """Abandon the files stored here: another round, or another worker, fetches them again."""
        files = [file for output in self.outputs if output.row is None for file in output.files()]
        if files:
            retry.run(partial(media.doom_pending, files))

    @property
    def note(self) -> str:
        """The log line that names the missing outputs; empty where none is missing."""
        parts = [
            f"Of {self.asked} outputs {words} {', '.join(str(place + 1) for place in places)}."
            for words, places in (
                (NOT_HAD, sorted({*self.missing, *self.awaited, *self.unjudged})),
                (DROPPED, self.dropped),
            )
            if places
        ]
        return " ".join(parts)


def names_missing(logs: str) -> bool:
    """Whether the log of a success says that some outputs are missing."""
    return NOT_HAD in logs[-1000:]


def plan(prediction: Prediction, provider: Provider | None) -> tuple[list[OutputRef], Found]:
    """The files to fetch, and what is found without a fetch. Raises Gone or Unusable."""
    result = prediction.result or {}
    refs = [OutputRef(**ref) for ref in result.get("files") or []]
    if not prediction.version.gives_files:
        return [], Found(value=_fitting(prediction, result.get("value")))
    if not refs:
        raise Unusable(NO_FILE)
    if provider is None:
        raise Gone
    if len(refs) > MAX_FILES:
        raise Unusable(TOO_MANY)
    if not prediction.version.gives_list:
        refs = refs[:1]
    return refs, Found(outputs=shown_before(prediction), asked=len(refs))


def shown_before(prediction: Prediction) -> list[PreparedOutput]:
    """The incremental outputs shown already, in order: they are stored, and stay as they are."""
    if not prediction.output or not prediction.version.streams_files:
        return []
    rows = Output.objects.filter(prediction=prediction).select_related("file", "small", "medium")
    return [
        PreparedOutput(
            index=row.index,
            name=row.name,
            token=row.token,
            file=row.file,
            small=row.small,
            medium=row.medium,
            colour=row.colour,
            blur=row.blur,
            phash=row.phash,
            marks=row.marks,
            row=row,
        )
        for row in rows.order_by("index")
    ]


def all_dropped(found: Found) -> str:
    """The error for a result whose outputs were all blocked by the safety checks."""
    count = len(found.dropped)
    if not count:
        return UNJUDGED
    which = "The output was" if count == 1 else f"All {count} outputs were"
    return f"{which} dropped as sensitive. Try other words."


def judge(found: Found, provider: Provider) -> None:
    """Raise why no output can be delivered. A result of an exactly repeatable run is delivered complete or not at all.

    Raises Gone, Unusable, or for such a run ProviderError where a retry may succeed.
    """
    in_part = not provider.repeats_exactly
    if found.awaited and not in_part:
        raise ProviderError(found.reason, permanent=False)
    if found.missing and not found.awaited and (not (found.outputs or found.judged) or not in_part):
        unusable = [reason for reason in found.missing.values() if reason != GONE]
        if unusable:
            raise Unusable(unusable[0])
        raise Gone


def give_up(found: Found, which: Mapping[int, str]) -> None:
    """Move these outputs from awaited to missing, each with the sentence that says so."""
    for place, words in which.items():
        del found.awaited[place]
        found.missing[place] = words


def why_nothing(found: Found) -> str:
    """The error for a result none of whose files could be fetched in time."""
    return next((retries.PATIENCE[fault].end for fault in found.awaited.values()), GONE)


def _fitting(prediction: Prediction, value: Any) -> Any:
    """An output without files, such as a text, in the form that the model's schema promises. Raises Unusable.

    Upstreams return a text either as one string or as a list of parts; both are converted to the schema's form.
    """
    schema = Draft202012Validator(prediction.version.output_schema)
    tries = [value]
    if not is_upstream(prediction.provider):
        tries = [value]
    elif isinstance(value, str):
        tries.append([value])
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        tries.append("".join(value))
    for one in tries:
        if schema.is_valid(one):
            return one
    raise Unusable(NOT_FITTING)


def note_trouble(
    prediction: Prediction, found: Found, index: int, ref: OutputRef, trouble: BaseException
) -> None:
    """Record why an output could not be fetched: a sentence for users, the details in the log.

    Re-raises exceptions that are errors of our own.
    """
    if isinstance(trouble, Unusable):
        found.missing[index], reason = str(trouble), trouble.detail or str(trouble)
    elif isinstance(trouble, ProviderError):
        reason = str(trouble)
        if trouble.permanent:
            found.missing[index] = trouble.words or GONE
        else:
            found.awaited[index] = trouble.fault if isinstance(trouble, FileError) else "busy"
    else:
        raise trouble
    log.info("fetch_failed", prediction=prediction.public_id, output=ref.name, reason=reason)


def store(found: Found, brought: Sequence[FetchedFile], account_id: int) -> None:
    """Store fetched files for an account, under pending rows inserted together, and add them to `found`.
    Files blocked by the safety checks are not stored.
    """
    found.judged.update({one.index: one.judgement for one in brought})
    kept = [one for one in brought if not one.judgement.dropped]
    files = [file for one in kept for file in one.files()]
    # Rows first, so that no file is moved where the rows cannot be written.
    rows = iter(retry.run(partial(media.store_all, files, account_id)) if kept else [])
    for one in kept:
        found.outputs.append(
            PreparedOutput(
                index=one.index,
                name=safe_name(one.ref.name, one.index, one.extension),
                token=media.new_token(),
                file=next(rows),
                small=next(rows) if one.look.small else None,
                medium=next(rows) if one.look.medium else None,
                colour=one.look.colour,
                blur=one.look.blur,
                phash=one.look.phash,
                marks=one.judgement.marks,
            )
        )
