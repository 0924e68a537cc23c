"""Recorded `JobOutput` events of local models, for tests."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.protocol.job_output import JobOutput


class RecordedRun:
    """The events of one run, in order, and its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[dict[str, Any]] = []

    def all(self, kind: str) -> list[Any]:
        """All events of this kind: log, progress, preview, output, error."""
        return [event[kind] for event in self.events if kind in event]

    @property
    def log(self) -> str:
        """The log as members see it."""
        return "\n".join(self.all("log"))

    def file(self, name: str) -> bytes:
        """The bytes of a finished file."""
        return (self.folder / name).read_bytes()

    def pixels(self, name: str = "out-0.png") -> NDArray[np.uint8]:
        """A finished picture, height x width x 3."""
        return np.asarray(Image.open(io.BytesIO(self.file(name))).convert("RGB"), np.uint8)


@contextmanager
def recorded_output(folder: Path) -> Iterator[tuple[JobOutput, RecordedRun]]:
    """A real `JobOutput` in a folder, and its recorded events, complete after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    run, path = RecordedRun(folder), folder / "events"
    # A file in place of the pipe: nothing reads during the run, so a pipe would fill.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        yield JobOutput(descriptor, folder), run
    finally:
        os.close(descriptor)
        run.events.extend(json.loads(line) for line in path.read_text().splitlines())


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """A picture as a data URI."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def never() -> bool:
    """A `stop` callback that never cancels."""
    return False


def after(count: int) -> Callable[[], bool]:
    """A `stop` callback that cancels at call number `count`."""
    calls = iter(range(10**9))
    return lambda: next(calls) >= count
