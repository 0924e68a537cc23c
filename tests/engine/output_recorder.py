"""`JobOutput` without a service: records the events of a model in a list."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.protocol.job_output import JobOutput


class OutputRecorder(JobOutput):
    """Files are written to `folder`; all events are in `events`, in order."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(os.open(os.devnull, os.O_WRONLY), folder)
        self.folder = folder
        self.events: list[dict[str, Any]] = []

    def _send(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    @property
    def logs(self) -> list[str]:
        """Log lines."""
        return [event["log"] for event in self.events if "log" in event]

    @property
    def outputs(self) -> list[str]:
        """Names of the announced files, in order."""
        return [event["output"]["name"] for event in self.events if "output" in event]


_refusing: list[bool] = []
"""Whether sockets are refused now; empty until the hook is installed."""


def _refuse(event: str, _given: tuple[Any, ...]) -> None:
    if _refusing[0] and event.startswith("socket."):
        raise RuntimeError(f"tried {event}")


@contextlib.contextmanager
def no_network() -> Iterator[None]:
    """Refuse all sockets of this process inside the block, compiled code included."""
    if not _refusing:
        _refusing.append(False)
        sys.addaudithook(_refuse)  # Audit hooks cannot be removed.
    _refusing[0] = True
    try:
        with contextlib.suppress(RuntimeError):
            socket.socket().close()
            raise AssertionError("the hook does not work")
        yield
    finally:
        _refusing[0] = False


def says_truly_what_it_is(recorder: OutputRecorder) -> None:
    """Assertions for every model: log and files state that no neural network was used."""
    assert recorder.outputs
    assert recorder.outputs[0].startswith(
        ("out-0.", "out.png", "output.png", "out.mp4", "output.mp4", "video.gif")
    )
    text = "\n".join(recorder.logs)
    assert "No neural network, no weights" in "\n".join(recorder.logs[:2])
    assert "diffusion" not in text.lower().replace("stable-diffusion", "")
    metrics = dict(event["metric"] for event in recorder.events if "metric" in event)
    assert metrics["engine"] == "procedural" and metrics["painter"]
    for name in recorder.outputs:
        content = (recorder.folder / name).read_bytes()
        assert b"procedural" in content and b"no neural network" in content.lower()
        assert b"algorithmicMedia" in content or b"algorithmicallyEnhanced" in content
    shares = [event["progress"] for event in recorder.events if "progress" in event]
    assert shares == sorted(shares) and shares[-1] == 1.0
