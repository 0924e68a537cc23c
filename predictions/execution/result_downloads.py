"""Downloads the files of a result, identifies and checks each, on the event loop and its threads; no database."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from predictions.execution import final_states
from predictions.execution.provider_calls import Calls
from predictions.files import image_probe, media
from predictions.files.image_formats import EXTENSIONS
from predictions.files.image_probe import ProbeResult, Thumbnail
from predictions.image_safety.safety_pipeline import PASSED, Judgement, SafetyPipeline
from predictions.lifecycle.leases import FIRST_FETCH
from predictions.providers.base import FileError, FileFault, Job, OutputRef, Provider, ProviderError

MAX_OUTPUT = 160 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
_EXTENSIONS = {**EXTENSIONS, "video/mp4": "mp4"}


UNUSABLE = "The result could not be used:"
NO_IMAGE = f"{UNUSABLE} {image_probe.UNREADABLE}. Try again."
TOO_LARGE = f"{UNUSABLE} a file of it is larger than {MAX_OUTPUT // 1024**2} MiB."


class Unusable(Exception):
    """The provider returned something other than the model promises. The text is a sentence for users.

    `detail`: for the log only.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


@dataclass(frozen=True)
class FetchedFile:
    """One output in a temporary file, with its detected type."""

    index: int
    ref: OutputRef
    path: Path
    sha256: str
    probe: ProbeResult
    thumbnails: tuple[media.FinishedFile, ...]
    """The small one, then the medium one, as far as they exist."""
    judgement: Judgement = PASSED
    """The verdict of the safety checks."""

    @property
    def extension(self) -> str:
        """The extension of the detected type."""
        return _EXTENSIONS.get(self.probe.content_type, "bin")

    def files(self) -> list[media.FinishedFile]:
        """The file itself, then its thumbnails."""
        probe = self.probe
        file = media.FinishedFile(
            self.path, self.extension, self.sha256, probe.content_type, probe.width, probe.height
        )
        return [file, *self.thumbnails]


@dataclass(frozen=True)
class FetchOrder:
    """Files of one job that are fetched together, within `seconds`."""

    provider: Provider
    job: Job
    refs: Sequence[OutputRef]
    first: int
    """Index of the first of them among the job's outputs."""
    seconds: float
    pipeline: SafetyPipeline = field(default_factory=SafetyPipeline)
    """The safety checks for fetched files."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """Context for the classifiers beside the image."""


class FetchedFiles(contextlib.ExitStack):
    """Fetched temporary files; closing it deletes them."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[int, FetchedFile | BaseException] = {}
        """The file, or the exception that prevented it, by output index."""
        # Breaks the reference cycle: exceptions in it have frames that hold this object.
        self.callback(self.results.clear)


async def fetch_files(order: FetchOrder, calls: Calls) -> FetchedFiles:
    """Fetch these files concurrently and check each on arrival. Does not raise; close the returned object after use."""
    fetched = FetchedFiles()
    indices = range(order.first, order.first + len(order.refs))
    try:
        writings = [fetched.enter_context(media.Writing(MAX_OUTPUT)) for _ in order.refs]
        results = await asyncio.gather(
            *(
                _fetch_one(order, calls, fetched, *part)
                for part in zip(indices, order.refs, writings, strict=True)
            ),
            return_exceptions=True,
        )
    except OSError as error:
        results = [error] * len(order.refs)
    except BaseException:
        fetched.close()
        raise
    fetched.results.update(zip(indices, results, strict=True))
    return fetched


async def _fetch_one(
    order: FetchOrder, calls: Calls, fetched: FetchedFiles, index: int, ref: OutputRef, writing: media.Writing
) -> FetchedFile:
    try:
        async with asyncio.timeout(max(order.seconds, 0.0)):
            if ref.address.startswith(final_states.STORED_SCHEME):
                await asyncio.to_thread(
                    _read_stored, ref.address.removeprefix(final_states.STORED_SCHEME), writing
                )
            else:
                async for chunk in order.provider.fetch(order.job, ref):
                    _write(writing, chunk)
    except TimeoutError:
        # With less time than that, the file is not to blame.
        fault: FileFault = "slow" if order.seconds >= FIRST_FETCH else "busy"
        raise FileError("It did not come within the time limit.", fault) from None
    # Here, not in the thread: an exit stack is not thread-safe.
    folder = fetched.enter_context(_folder())
    file = await calls.run_in_thread(_inspect, index, ref, writing, folder)
    if not order.pipeline and not ref.sensitive:
        return file
    context = {**order.context, "index": index}
    judgement = await order.pipeline.check(file.probe, context, upstream_flagged=ref.sensitive)
    return dataclasses.replace(file, judgement=judgement)


def _write(writing: media.Writing, chunk: bytes) -> None:
    try:
        writing.write(chunk)
    except ValueError:
        raise Unusable(TOO_LARGE) from None


def _read_stored(key: str, writing: media.Writing) -> None:
    try:
        with media.storage().open(key, "rb") as file:
            while chunk := file.read(media.CHUNK):
                writing.write(chunk)
    except FileNotFoundError:
        raise ProviderError("The file that was kept is gone.", permanent=True) from None


def _inspect(index: int, ref: OutputRef, writing: media.Writing, folder: Path) -> FetchedFile:
    sha256 = writing.finished()
    try:
        probe = image_probe.probe(writing.path, folder)
    except image_probe.UnreadableImage as error:
        raise Unusable(f"{UNUSABLE} {error}. Try again.", error.detail) from None
    thumbnails = tuple(_finished_thumbnail(made) for made in (probe.small, probe.medium) if made is not None)
    return FetchedFile(index, ref, writing.path, sha256, probe, thumbnails)


def safe_name(name: str, index: int, extension: str) -> str:
    """The published file name, with the extension of the detected type."""
    stem = name.rsplit(".", 1)[0] if _NAME.fullmatch(name) else f"out-{index}"
    return f"{stem}.{extension}"


def _finished_thumbnail(made: Thumbnail) -> media.FinishedFile:
    digest = hashlib.sha256(made.path.read_bytes()).hexdigest()
    extension = made.path.suffix.removeprefix(".")
    return media.FinishedFile(made.path, extension, digest, made.content_type, made.width, made.height)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(dir=settings.TEMPORARY, prefix="look-"))
    try:
        yield path
    finally:
        try:
            # Usually empty by now: its files were moved to storage.
            path.rmdir()
        except OSError:
            shutil.rmtree(path, ignore_errors=True)
