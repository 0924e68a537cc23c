"""A real service of local models on a real socket, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.engine.engine_service import listens

ROOT = Path(__file__).resolve().parents[3]
SECRET = "s3cret"
PATIENCE_S = 170.0

_PROGRAM = """
import json, sys
from pathlib import Path
from engine.local.service import serve
from engine.local.config.settings_file import parse
options = json.loads(sys.argv[1])
folder = Path(options["folder"])
serve(folder / "run" / "s", options["secret"], folder / "work", parse(options["settings"], folder))
"""


class LocalService:
    """A context manager for the service; relative weights are looked up in `folder`."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self._socket = folder / "run" / "s"
        options = {"folder": str(folder), "secret": SECRET, "settings": settings}
        self._command = [sys.executable, "-c", _PROGRAM, json.dumps(options)]
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self._socket)),
            base_url="http://local",
            headers={"authorization": f"Bearer {SECRET}"},
            timeout=60,
        )

    def __enter__(self) -> LocalService:
        self.errors = (self.folder / "stderr.txt").open("wb")
        self.process = subprocess.Popen(self._command, cwd=ROOT, stderr=self.errors, env={**os.environ})
        self.wait_for(self._answers, "the service")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()

    def health(self) -> dict[str, Any]:
        """The service's health response."""
        found: dict[str, Any] = self._client.get("/health").json()
        return found

    def put(self, key: str, model: str, inputs: dict[str, Any], deadline_s: float = 150.0) -> httpx.Response:
        """Create a prediction."""
        body = {"model": model, "version": "", "input": inputs, "deadline_s": deadline_s}
        return self._client.put(f"/predictions/{key}", json=body)

    def state(self, key: str) -> dict[str, Any]:
        """The state of a prediction."""
        found: dict[str, Any] = self._client.get(f"/predictions/{key}").json()
        return found

    def cancel(self, key: str) -> dict[str, Any]:
        """Request its cancellation."""
        found: dict[str, Any] = self._client.post(f"/predictions/{key}/cancel").json()
        return found

    def ended(self, key: str) -> dict[str, Any]:
        """Its final state."""
        found: dict[str, Any] = self.wait_for(
            lambda: (state := self.state(key))["status"] in ("succeeded", "failed", "canceled") and state,
            f"the end of {key}",
        )
        return found

    def run(self, key: str, model: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Create a prediction and wait for its end."""
        answer = self.put(key, model, inputs)
        assert answer.status_code == 202, answer.text
        return self.ended(key)

    def wait_for(self, condition: Any, what: str) -> Any:
        """The first true value of `condition`."""
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            if value := condition():
                return value
            assert self.process.poll() is None, (self.folder / "stderr.txt").read_text()[-3000:]
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {what}: {(self.folder / 'stderr.txt').read_text()[-3000:]}")

    def _answers(self) -> bool:
        try:
            return listens(self._socket) and self._client.get("/health").status_code == 200
        except httpx.TransportError:
            return False
