"""Fetches the files of a result, stores them, makes their thumbnails. Bounded; no transaction around it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from jsonschema import Draft202012Validator

from predictions import lifecycle
from predictions.clock import COLLECT_PATIENCE
from predictions.files import media, pictures
from predictions.files.formats import EXTENSIONS
from predictions.lifecycle import strays
from predictions.lifecycle.ending import PreparedOutput
from predictions.models import Output, Prediction, StoredFile
from predictions.providers.base import Job, OutputRef, Provider, ProviderError
from predictions.providers.registry import UnknownProvider
from predictions.running import calling_off, finishing, providers

log = structlog.get_logger(__name__)

MAX_OUTPUT = 160 * 1024 * 1024
MAX_FILES = 64
FETCH_S = 30.0
"""Seconds for one output, and for those that are fetched beside it."""
ROUND_S = 40.0
"""Seconds for fetching all of a result; what has not come by then is looked for again."""
AT_ONCE = 8
SHOWN_AT_ONCE = 4
"""Predictions whose growing lists are looked after in one round."""
LONGEST_PAUSE_S = 60.0
GONE = "The finished files were gone before they could be stored."
_EXTENSIONS = {**EXTENSIONS, "video/mp4": "mp4"}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")


class Gone(Exception):
    """The provider has the files no more."""


class Unusable(Exception):
    """The provider gave something that is not what the model promises; the text says what."""


@dataclass(frozen=True)
class Found:
    """What could be had of a result."""

    outputs: list[PreparedOutput] = field(default_factory=list)
    value: Any = None
    """The JSON of a model that gives no files."""
    missing: dict[int, str] = field(default_factory=dict)
    """Outputs that will not come, with the reason each, by place."""
    awaited: dict[int, str] = field(default_factory=dict)
    """Outputs that may still come, with the present trouble of each, by place."""
    asked: int = 0
    """How many there should be."""

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
        return "; ".join(sorted({**self.missing, **self.awaited}.values()))

    @property
    def note(self) -> str:
        """The line for the log that says which outputs are missing; empty where none is."""
        places = sorted({**self.missing, **self.awaited})
        if not places:
            return ""
        names = ", ".join(str(place + 1) for place in places)
        return f"Of {self.asked} outputs these could not be had and cost nothing: {names}."


def prepare(prediction: Prediction, claim: str, provider: Provider | None) -> Found:
    """Every file of the stored result, in the storage under pending rows, ready for `lifecycle.succeed`.

    An upstream's result may be whole in part: what is missing is named. Raises Gone, Unusable, or, for the engine,
    ProviderError where it may work later.
    """
    result = prediction.result or {}
    refs = [OutputRef(**ref) for ref in result.get("files") or []]
    if not prediction.version.gives_files:
        return Found(value=_fitting(prediction, result.get("value")))
    if not refs:
        raise Unusable("it holds no file")
    if provider is None:
        raise Gone
    if len(refs) > MAX_FILES:
        raise Unusable(f"it holds more than {MAX_FILES} files")
    if not prediction.version.gives_list:
        refs = refs[:1]
    found = Found(outputs=shown_before(prediction), asked=len(refs))
    until = time.monotonic() + ROUND_S
    for first in range(len(found.outputs), len(refs), AT_ONCE):
        seconds = min(FETCH_S, until - time.monotonic())
        if not lifecycle.renew(prediction, claim, FETCH_S):
            raise ProviderError("The claim was taken over.", permanent=False)
        _prepare_some(
            found, provider, calling_off.job_of(prediction), refs[first : first + AT_ONCE], first, seconds
        )
    _judge(found, provider)
    return found


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
            row=row,
        )
        for row in rows.order_by("index")
    ]


def show_growing() -> None:
    """Store what running predictions have announced of their lists, and show it.

    Two that do this at once waste some work: whoever comes second shows nothing, and the sweep takes its files.
    """
    for prediction in lifecycle.due_to_show(SHOWN_AT_ONCE):
        if not cache.add(f"growing-{prediction.pk}", 1, FETCH_S):
            continue
        try:
            _show_announced(prediction, providers.provider(prediction.provider))
        except UnknownProvider:
            continue
        except Exception:
            # Nothing is lost: what cannot be shown now comes with the whole result.
            log.exception("show_broke", prediction=prediction.public_id)
        finally:
            cache.delete(f"growing-{prediction.pk}")


def _show_announced(prediction: Prediction, provider: Provider) -> None:
    first = len(prediction.output or [])
    files = (prediction.result or {}).get("files") or []
    refs = [OutputRef(**ref) for ref in files[first:MAX_FILES]]
    found = Found(asked=len(refs))
    _prepare_some(found, provider, calling_off.job_of(prediction), refs, first, FETCH_S)
    # Only without a gap: what is missing now comes with the whole result.
    whole = [output for place, output in enumerate(found.outputs, first) if output.index == place]
    if whole:
        lifecycle.show(prediction, whole)


def pause(prediction: Prediction) -> tuple[float, float]:
    """Seconds until a result that could not be had is looked for again, and for how long that is done at all."""
    since = prediction.job_seen_at or prediction.started_at or prediction.created_at
    passed = (timezone.now() - since).total_seconds()
    return min(max(passed / 2, 1.0), LONGEST_PAUSE_S), COLLECT_PATIENCE


def _judge(found: Found, provider: Provider) -> None:
    """Nothing of it can be had: say why. The engine's results are whole or nothing."""
    in_part = strays.is_upstream(provider.name)
    if found.awaited and not in_part:
        raise ProviderError(found.reason, permanent=False)
    if found.missing and not found.awaited and (not found.outputs or not in_part):
        unusable = [reason for reason in found.missing.values() if reason != GONE]
        if unusable:
            raise Unusable(unusable[0])
        raise Gone


def _fitting(prediction: Prediction, value: Any) -> Any:
    """An output without files as the model's schema promises it, such as a text. Raises Unusable.

    Upstreams differ in whether they give a text as one string or as its parts: either becomes what the schema says.
    """
    schema = Draft202012Validator(prediction.version.output_schema)
    tries = [value]
    if not strays.is_upstream(prediction.provider):
        tries = [value]
    elif isinstance(value, str):
        tries.append([value])
    elif isinstance(value, list) and all(isinstance(part, str) for part in value):
        tries.append("".join(value))
    for one in tries:
        if schema.is_valid(one):
            return one
    raise Unusable("it does not fit the model's output schema")


def _prepare_some(
    found: Found, provider: Provider, job: Job, refs: list[OutputRef], first: int, seconds: float
) -> None:
    """Fetch these side by side, then look at each and store it."""
    with contextlib.ExitStack() as stack:
        writings = [stack.enter_context(media.Writing(MAX_OUTPUT)) for _ in refs]
        outcomes = asyncio.run(_fetch_all(provider, job, refs, writings, seconds))
        for index, (ref, writing, trouble) in enumerate(zip(refs, writings, outcomes, strict=True), first):
            if trouble is not None:
                _note_trouble(found, index, ref, trouble)
                continue
            try:
                found.outputs.append(_store(ref, index, writing))
            except Unusable as error:
                found.missing[index] = str(error)


def _note_trouble(found: Found, index: int, ref: OutputRef, trouble: BaseException) -> None:
    log.info("fetch_failed", output=ref.name, reason=str(trouble) or type(trouble).__name__)
    if isinstance(trouble, ProviderError) and trouble.permanent:
        found.missing[index] = str(trouble) if trouble.kind == "permanent" and trouble.words else GONE
    elif isinstance(trouble, ValueError):
        found.missing[index] = str(trouble)
    elif isinstance(trouble, TimeoutError):
        found.awaited[index] = "Fetching an output took too long."
    elif isinstance(trouble, ProviderError):
        found.awaited[index] = str(trouble)
    else:
        raise trouble


async def _fetch_all(
    provider: Provider, job: Job, refs: list[OutputRef], writings: list[media.Writing], seconds: float
) -> list[BaseException | None]:
    async with provider.session():
        pairs = zip(refs, writings, strict=True)
        outcomes = await asyncio.gather(
            *(_fetch(provider, job, ref, writing, seconds) for ref, writing in pairs), return_exceptions=True
        )
    return list(outcomes)


async def _fetch(
    provider: Provider, job: Job, ref: OutputRef, writing: media.Writing, seconds: float
) -> None:
    async with asyncio.timeout(max(seconds, 0.0)):
        if ref.address.startswith(finishing.KEPT):
            await asyncio.to_thread(_read_kept, ref.address.removeprefix(finishing.KEPT), writing)
            return
        async for chunk in provider.fetch(job, ref):
            writing.write(chunk)


def _read_kept(key: str, writing: media.Writing) -> None:
    try:
        with media.storage().open(key, "rb") as file:
            while chunk := file.read(media.CHUNK):
                writing.write(chunk)
    except FileNotFoundError:
        raise ProviderError("The file that was kept is gone.", permanent=True) from None


def _store(ref: OutputRef, index: int, writing: media.Writing) -> PreparedOutput:
    with _folder() as folder:
        sha256 = writing.finished()
        try:
            look = pictures.look(writing.path, folder)
        except pictures.NotAPicture as error:
            raise Unusable(f"{_safe(ref.name, index, 'bin')} is not a readable picture ({error})") from None
        extension = _EXTENSIONS.get(look.content_type, "bin")
        file = media.store(
            media.reserve(extension),
            writing.path,
            sha256=sha256,
            content_type=look.content_type,
            width=look.width,
            height=look.height,
        )
        return PreparedOutput(
            index=index,
            name=_safe(ref.name, index, extension),
            token=media.new_token(),
            file=file,
            small=_thumbnail(look.small),
            medium=_thumbnail(look.medium),
            colour=look.colour,
            blur=look.blur,
        )


def _thumbnail(path: Path | None) -> StoredFile | None:
    if path is None:
        return None
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return media.store(media.reserve("webp"), path, sha256=digest, content_type="image/webp")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=settings.TEMPORARY, prefix="look-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _safe(name: str, index: int, extension: str) -> str:
    """The published file name, with the extension of what the file really is."""
    stem = name.rsplit(".", 1)[0] if _NAME.fullmatch(name) else f"out-{index}"
    return f"{stem}.{extension}"
