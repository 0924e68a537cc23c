"""Checking and converting pictures from web processes: in a child with limits, a few at a time."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from django.conf import settings

from predictions.running import leash

MEMORY = 1536 * 1024**2
"""Bytes of address space of one child."""
CPU_S = 20
WALL_S = 25.0
AT_ONCE = 2
"""Children of this process; more wait for them."""
PATIENCE_S = 20.0
_enlarging = 0
_slots = threading.BoundedSemaphore(AT_ONCE)

Format = Literal["png", "jpeg", "webp"]


class Unusable(Exception):
    """The picture at `index` cannot be used; the text is the end of a sentence that begins with its name."""

    def __init__(self, index: int, text: str) -> None:
        self.index = index
        super().__init__(text)


class TooBusy(Exception):
    """Too many pictures are being looked at already."""


@dataclass(frozen=True)
class Checked:
    """What a picture is, once it was decoded whole. Pixels."""

    content_type: str
    width: int
    height: int
    clear: bool
    """Whether some of it is wholly transparent."""


@dataclass(frozen=True)
class Enlarged:
    """A picture at another size, in pixels."""

    data: str
    """Base64."""
    width: int
    height: int


def folder() -> tempfile.TemporaryDirectory[str]:
    """A work folder for one request, removed when it is left; the sweep removes those of killed processes."""
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=settings.TEMPORARY, prefix="convert-")


def check(paths: list[Path]) -> list[Checked]:
    """Decode each file whole. Raises Unusable for the first that is no picture, or TooBusy."""
    answers = _run([{"do": "check", "file": str(path)} for path in paths])
    return [Checked(**_or_raise(index, answer)) for index, answer in enumerate(answers)]


def mask(path: Path, to: Path) -> None:
    """Write a PNG to `to` that is white where the picture at `path` is transparent. Raises Unusable or TooBusy."""
    (answer,) = _run([{"do": "mask", "file": str(path), "to": str(to)}])
    _or_raise(0, answer)


async def enlarge(data: bytes, width: int, height: int, format: Format) -> Enlarged:
    """The picture at this size (0: four times its own), encoded anew. Raises Unusable, or TooBusy at once.

    On the event loop, and without a thread: it is for pictures that are shown to somebody who waits.
    """
    global _enlarging
    if _enlarging >= AT_ONCE:
        raise TooBusy
    _enlarging += 1
    job = {"do": "enlarge", "data": base64.b64encode(data).decode(), "format": format}
    try:
        return Enlarged(**_or_raise(0, await _run_soon({**job, "width": width, "height": height})))
    finally:
        _enlarging -= 1


async def _run_soon(job: dict[str, Any]) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        *_command(), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=settings.BASE_DIR, env=_environment(),
        pass_fds=leash.fds(),
    )  # fmt: skip
    try:
        async with asyncio.timeout(WALL_S):
            said, _nothing = await child.communicate(json.dumps([job]).encode())
    except TimeoutError:
        raise Unusable(0, "took too long to read.") from None
    finally:
        # Also where nobody waits for it any more.
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise Unusable(0, "made its reader stop.")
    answer: dict[str, Any] = json.loads(said)[0]
    return answer


def _or_raise(index: int, answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise Unusable(index, answer["error"])
    return answer


def _run(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not _slots.acquire(timeout=PATIENCE_S):
        raise TooBusy
    try:
        done = subprocess.run(
            _command(),
            input=json.dumps(jobs).encode(),
            cwd=settings.BASE_DIR,
            capture_output=True,
            timeout=WALL_S,
            env=_environment(),
            pass_fds=leash.fds(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unusable(0, "took too long to read.") from None
    finally:
        _slots.release()
    if done.returncode != 0:
        raise Unusable(0, "made its reader stop.")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _command() -> list[str]:
    return [sys.executable, "-m", "predictions.files.convert_child", str(MEMORY), str(CPU_S)]


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "OMP_NUM_THREADS": "1"}
