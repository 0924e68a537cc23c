"""Output of a job in its child process: log lines, progress, previews and finished files.

Everything leaves as one JSON object a line on a pipe that the engine reads. Files are written into the job's
own folder under a temporary name and renamed when whole; only then are they announced.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

ORDER_FILE = "order.json"
"""The job's model, version and input as JSON, in the job's folder."""
MAX_LINE = 4000
"""Characters of one log line; a prompt may be far longer."""
MAX_PIECE = 50_000
"""Characters of text output per message: the pipe's reader accepts a megabyte a line, escapes included."""


class JobOutput:
    """Output channel of a running model. Thread-safe: one thread paints, another may send previews."""

    def __init__(self, pipe: int, folder: Path) -> None:
        self._pipe = pipe
        self._folder = folder
        self._progress = 0.0
        self._lock = threading.Lock()

    def log(self, text: str) -> None:
        """Add a line to the prediction's log."""
        self._send({"log": text if len(text) <= MAX_LINE else text[:MAX_LINE] + "…"})

    def progress(self, fraction: float) -> None:
        """Report the share of all work that is done, 0 to 1; decreasing values are not sent."""
        fraction = min(1.0, max(0.0, float(fraction)))
        if fraction > self._progress:
            self._progress = fraction
            self._send({"progress": round(fraction, 4)})

    def preview(self, jpeg: bytes) -> None:
        """Replace the preview by this small JPEG of the unfinished work."""
        self._send({"preview": base64.b64encode(jpeg).decode()})

    def save(self, name: str, content_type: str, data: bytes) -> None:
        """Add a finished file to the outputs. `name` is a plain file name, unique within the job."""
        unfinished = self._folder / f".{name}.part"
        unfinished.write_bytes(data)
        unfinished.rename(self._folder / name)
        digest = hashlib.sha256(data).hexdigest()
        self._send(
            {"output": {"name": name, "content_type": content_type, "size": len(data), "sha256": digest}}
        )

    def scratch(self, name: str) -> Path:
        """Path for writing an output incrementally until `adopt` announces it; removed with the job's folder."""
        return self._folder / f".{name}.part"

    def adopt(self, name: str, content_type: str) -> None:
        """Add the completely written file at `scratch(name)` to the outputs."""
        unfinished = self.scratch(name)
        with unfinished.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = unfinished.stat().st_size
        unfinished.rename(self._folder / name)
        self._send({"output": {"name": name, "content_type": content_type, "size": size, "sha256": digest}})

    def append_text(self, text: str) -> None:
        """Append to the output of a model that returns one text; published only at the end."""
        for start in range(0, len(text), MAX_PIECE):
            self._send({"text": text[start : start + MAX_PIECE]})

    def item(self, text: str) -> None:
        """Add one string to the output of a model that streams strings; a very long one is split."""
        for start in range(0, len(text), MAX_PIECE):
            self._send({"item": text[start : start + MAX_PIECE]})

    def metric(self, name: str, value: Any) -> None:
        """Add one JSON value to the prediction's metrics."""
        self._send({"metric": [name, value]})

    def fail(self, error: str) -> None:
        """End as failed with one plain sentence."""
        self._send({"error": error[:MAX_LINE]})

    def done(self) -> None:
        """End as succeeded."""
        self._send({"done": True})

    def _send(self, event: dict[str, Any]) -> None:
        # ASCII only, so that a lone surrogate in a prompt cannot break the line.
        data = memoryview(json.dumps(event).encode() + b"\n")
        with self._lock:
            while data:
                data = data[os.write(self._pipe, data) :]


class Refusal(Exception):
    """The request cannot be fulfilled. The text is one plain sentence: the prediction's `error`."""
