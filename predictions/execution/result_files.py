"""What a finished result is made of: which files it names, what could be had of them, and where they are stored."""

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
    """The provider has the files no more."""


@dataclass(frozen=True)
class Found:
    """What could be had of a result."""

    outputs: list[PreparedOutput] = field(default_factory=list)
    value: Any = None
    """The JSON of a model that gives no files."""
    missing: dict[int, str] = field(default_factory=dict)
    """Outputs that will not come, with the sentence for people that says why, by place."""
    awaited: dict[int, FileFault] = field(default_factory=dict)
    """Outputs that may still come, with the present trouble of each, by place."""
    asked: int = 0
    """How many there should be."""
    judged: dict[int, Judgement] = field(default_factory=dict)
    """What the house said of those that came, by place."""

    @property
    def dropped(self) -> list[int]:
        """Places of those that the house does not let through for what they show."""
        return sorted(place for place, one in self.judged.items() if one.dropped and not one.unjudged)

    @property
    def unjudged(self) -> list[int]:
        """Places of those that it does not let through because nobody could say what they show: they cost nothing."""
        return sorted(place for place, one in self.judged.items() if one.dropped and one.unjudged)

    @property
    def is_waited_for(self) -> bool:
        """Whether it is worth looking again, later."""
        return bool(self.awaited)

    @property
    def is_enough(self) -> bool:
        """Whether there is anything to deliver."""
        return bool(self.outputs) or not self.asked

    @property
    def reason(self) -> str:
        """Why some are not there, for operators."""
        return "; ".join(sorted({*self.missing.values(), *self.awaited.values()}))

    def give_up_files(self) -> None:
        """Nobody will own what was stored here: another round, or another worker, fetches it anew."""
        files = [file for output in self.outputs if output.row is None for file in output.files()]
        if files:
            retry.run(partial(media.doom_pending, files))

    @property
    def note(self) -> str:
        """The line for the log that says which outputs are missing; empty where none is."""
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
    """Whether a success's log says that some of its outputs could not be had."""
    return NOT_HAD in logs[-1000:]


def plan(prediction: Prediction, provider: Provider | None) -> tuple[list[OutputRef], Found]:
    """The files to be fetched, and what is found without. Raises Gone, or Unusable."""
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
    """The outputs of a growing list that readers see already, in order: they are stored, and stay as they are."""
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
    """Why nothing came of a result of which the house let nothing through."""
    count = len(found.dropped)
    if not count:
        return UNJUDGED
    which = "The output was" if count == 1 else f"All {count} outputs were"
    return f"{which} dropped as sensitive. Try other words."


def judge(found: Found, provider: Provider) -> None:
    """Nothing of it can be had: raise why. Where a run repeats exactly, its result is whole or nothing.

    Raises Gone, Unusable, or, where it is whole or nothing, ProviderError where it may work later.
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
    """These are waited for no longer; each with the sentence that says so."""
    for place, words in which.items():
        del found.awaited[place]
        found.missing[place] = words


def why_nothing(found: Found) -> str:
    """What is told of a result of which nothing came, however long it was asked for."""
    return next((retries.PATIENCE[fault].end for fault in found.awaited.values()), GONE)


def _fitting(prediction: Prediction, value: Any) -> Any:
    """An output without files as the model's schema promises it, such as a text. Raises Unusable.

    Upstreams differ in whether they give a text as one string or as its parts: either becomes what the schema says.
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
    """Keep what became of an output that did not come: for people what happened, for the log all of it.

    Raises what is nobody's trouble but ours.
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
    """Put what was fetched into an account's room, under pending rows that are made together, and add it to what is
    found.

    What the house does not let through is not stored.
    """
    found.judged.update({one.index: one.judgement for one in brought})
    kept = [one for one in brought if not one.judgement.dropped]
    files = [file for one in kept for file in one.files()]
    # Their rows come first, so nothing has been moved where these could not be written.
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
