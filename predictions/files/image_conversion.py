"""Checking and converting images for web processes, in sandboxed children, a few at a time."""

from __future__ import annotations

import base64
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from django.conf import settings

from predictions.files import sandbox_client

LIMITS = sandbox_client.Limits(memory=1536 * 1024**2, cpu_s=20, wall_s=25.0, answer=192 * 1024**2)
MAX_CHILDREN = 2
"""Children of this process at once; further calls wait."""
MAX_WAIT_S = 20.0
"""Seconds that a call waits for its turn before it raises TooBusy."""
_enlarging = 0
_slots = threading.BoundedSemaphore(MAX_CHILDREN)

Format = Literal["png", "jpeg", "webp"]


class Unusable(Exception):
    """The image at `index` cannot be used; the text is the end of a sentence that begins with its name."""

    def __init__(self, index: int, text: str) -> None:
        self.index = index
        super().__init__(text)


class TooBusy(Exception):
    """Too many images are being processed already."""


@dataclass(frozen=True)
class Checked:
    """What a completely decoded image is; sizes in pixels."""

    content_type: str
    width: int
    height: int
    clear: bool
    """Whether any pixel is fully transparent."""


@dataclass(frozen=True)
class Enlarged:
    """A resized image; sizes in pixels."""

    data: str
    """Base64."""
    width: int
    height: int


def work_folder() -> tempfile.TemporaryDirectory[str]:
    """A temporary work folder for one request; the sweep removes those of killed processes."""
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=settings.TEMPORARY, prefix="convert-")


def check(paths: list[Path]) -> list[Checked]:
    """Decode each file completely. Raises Unusable for the first that is no image, or TooBusy."""
    answers = _run([{"do": "check", "file": str(path)} for path in paths])
    return [Checked(**_or_raise(index, answer)) for index, answer in enumerate(answers)]


def mask(path: Path, to: Path) -> None:
    """Write a PNG to `to` that is white where the image at `path` is transparent. Raises Unusable or TooBusy."""
    (answer,) = _run([{"do": "mask", "file": str(path), "to": str(to)}])
    _or_raise(0, answer)


async def enlarge(data: bytes, width: int, height: int, format: Format) -> Enlarged:
    """The image at this size (0: four times its own), encoded anew. Raises Unusable, or TooBusy at once.

    Runs on the event loop without a thread: it is for previews of running jobs.
    """
    global _enlarging
    if _enlarging >= MAX_CHILDREN:
        raise TooBusy
    _enlarging += 1
    job = {"do": "enlarge", "data": base64.b64encode(data).decode(), "format": format}
    try:
        with _translated_errors():
            (answer,) = await sandbox_client.run_jobs_async(
                [{**job, "width": width, "height": height}], LIMITS
            )
        return Enlarged(**_or_raise(0, answer))
    finally:
        _enlarging -= 1


def _or_raise(index: int, answer: sandbox_client.Job) -> sandbox_client.Job:
    if "error" in answer:
        raise Unusable(index, answer["error"])
    return answer


def _run(jobs: list[sandbox_client.Job]) -> list[sandbox_client.Job]:
    if not _slots.acquire(timeout=MAX_WAIT_S):
        raise TooBusy
    try:
        with _translated_errors():
            return sandbox_client.run_jobs(jobs, LIMITS)
    finally:
        _slots.release()


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except sandbox_client.TooSlow:
        raise Unusable(0, "took too long to read.") from None
    except sandbox_client.Stopped:
        raise Unusable(0, "made its reader stop.") from None
    except sandbox_client.Lost:
        raise TooBusy from None
