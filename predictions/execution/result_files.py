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
NOT_FETCHED = "these could not be had and cost nothing:"
DROPPED = "these were too sensitive and were dropped:"
NO_FILE = f"{UNUSABLE} it holds no file. Try again."
TOO_MANY = f"{UNUSABLE} it holds more than {MAX_FILES} files."
NOT_FITTING = f"{UNUSABLE} it does not fit the model's output schema. Try again."
UNJUDGED = "What came could not be checked just now, and was not let through. Try again."


class FilesGone(Exception):
    """The provider no longer has the files."""


@dataclass(frozen=True)
class CollectedOutputs:
    """What was obtained of a result."""

    outputs: list[PreparedOutput] = field(default_factory=list)
    value: Any = None
    """The JSON output of a model without files."""
    missing: dict[int, str] = field(default_factory=dict)
    """Outputs that will not come: a sentence for users that says why, by index."""
    awaited: dict[int, FileFault] = field(default_factory=dict)
    """Outputs that may still come: the current fault of each, by index."""
    expected: int = 0
    """The expected number of outputs."""
    judgements: dict[int, Judgement] = field(default_factory=dict)
    """Verdicts of the safety checks on fetched outputs, by index."""

    @property
    def dropped(self) -> list[int]:
        """Indices of outputs that the safety checks blocked for their content."""
        return sorted(
            index for index, found in self.judgements.items() if found.dropped and not found.unjudged
        )

    @property
    def unjudged(self) -> list[int]:
        """Indices of outputs blocked because the safety checks could not judge them: not charged."""
        return sorted(index for index, found in self.judgements.items() if found.dropped and found.unjudged)

    @property
    def is_waited_for(self) -> bool:
        """Whether a later retry is worthwhile."""
        return bool(self.awaited)

    @property
    def is_enough(self) -> bool:
        """Whether there is any output to deliver."""
        return bool(self.outputs) or not self.expected

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
            f"Of {self.expected} outputs {text} {', '.join(str(place + 1) for place in places)}."
            for text, places in (
                (NOT_FETCHED, sorted({*self.missing, *self.awaited, *self.unjudged})),
                (DROPPED, self.dropped),
            )
            if places
        ]
        return " ".join(parts)


def names_missing(logs: str) -> bool:
    """Whether the log of a success says that some outputs are missing."""
    return NOT_FETCHED in logs[-1000:]


def plan(prediction: Prediction, provider: Provider | None) -> tuple[list[OutputRef], CollectedOutputs]:
    """The files to fetch, and what is found without a fetch. Raises FilesGone or Unusable."""
    result = prediction.result or {}
    refs = [OutputRef(**ref) for ref in result.get("files") or []]
    if not prediction.version.gives_files:
        return [], CollectedOutputs(value=_fitting(prediction, result.get("value")))
    if not refs:
        raise Unusable(NO_FILE)
    if provider is None:
        raise FilesGone
    if len(refs) > MAX_FILES:
        raise Unusable(TOO_MANY)
    if not prediction.version.gives_list:
        refs = refs[:1]
    return refs, CollectedOutputs(outputs=incremental_outputs(prediction), expected=len(refs))


def incremental_outputs(prediction: Prediction) -> list[PreparedOutput]:
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


def all_dropped(found: CollectedOutputs) -> str:
    """The error for a result whose outputs were all blocked by the safety checks."""
    count = len(found.dropped)
    if not count:
        return UNJUDGED
    subject = "The output was" if count == 1 else f"All {count} outputs were"
    return f"{subject} dropped as sensitive. Try other words."


def raise_if_unusable(found: CollectedOutputs, provider: Provider) -> None:
    """Raise why no output can be delivered. A result of an exactly repeatable run is delivered complete or not at all.

    Raises FilesGone, Unusable, or for such a run ProviderError where a retry may succeed.
    """
    in_part = not provider.repeats_exactly
    if found.awaited and not in_part:
        raise ProviderError(found.reason, permanent=False)
    if found.missing and not found.awaited and (not (found.outputs or found.judgements) or not in_part):
        unusable = [reason for reason in found.missing.values() if reason != GONE]
        if unusable:
            raise Unusable(unusable[0])
        raise FilesGone


def give_up(found: CollectedOutputs, errors: Mapping[int, str]) -> None:
    """Move these outputs from awaited to missing, each with the sentence that says so."""
    for place, text in errors.items():
        del found.awaited[place]
        found.missing[place] = text


def no_files_error(found: CollectedOutputs) -> str:
    """The error for a result none of whose files could be fetched in time."""
    return next((retries.PATIENCE[fault].end for fault in found.awaited.values()), GONE)


def _fitting(prediction: Prediction, value: Any) -> Any:
    """An output without files, such as a text, in the form that the model's schema promises. Raises Unusable.

    Upstreams return a text either as one string or as a list of parts; both are converted to the schema's form.
    """
    schema = Draft202012Validator(prediction.version.output_schema)
    candidates = [value]
    if not is_upstream(prediction.provider):
        pass
    elif isinstance(value, str):
        candidates.append([value])
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        candidates.append("".join(value))
    for candidate in candidates:
        if schema.is_valid(candidate):
            return candidate
    raise Unusable(NOT_FITTING)


def note_error(
    prediction: Prediction, found: CollectedOutputs, index: int, ref: OutputRef, error: BaseException
) -> None:
    """Record why an output could not be fetched: a sentence for users, the details in the log.

    Re-raises exceptions that are errors of our own.
    """
    if isinstance(error, Unusable):
        found.missing[index], reason = str(error), error.detail or str(error)
    elif isinstance(error, ProviderError):
        reason = str(error)
        if error.permanent:
            found.missing[index] = error.words or GONE
        else:
            found.awaited[index] = error.fault if isinstance(error, FileError) else "busy"
    else:
        raise error
    log.info("fetch_failed", prediction=prediction.public_id, output=ref.name, reason=reason)


def store(found: CollectedOutputs, files: Sequence[FetchedFile], account_id: int) -> None:
    """Store fetched files for an account, under pending rows inserted together, and add them to `found`.
    Files blocked by the safety checks are not stored.
    """
    found.judgements.update({file.index: file.judgement for file in files})
    passed = [file for file in files if not file.judgement.dropped]
    parts = [part for file in passed for part in file.files()]
    # Rows first, so that no file is moved where the rows cannot be written.
    rows = iter(retry.run(partial(media.store_all, parts, account_id)) if passed else [])
    for file in passed:
        found.outputs.append(
            PreparedOutput(
                index=file.index,
                name=safe_name(file.ref.name, file.index, file.extension),
                token=media.new_token(),
                file=next(rows),
                small=next(rows) if file.probe.small else None,
                medium=next(rows) if file.probe.medium else None,
                colour=file.probe.colour,
                blur=file.probe.blur,
                phash=file.probe.phash,
                marks=file.judgement.marks,
            )
        )
