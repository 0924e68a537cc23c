"""A real engine on a real socket in a temporary folder, for tests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from core.processes.fork_server import client
from tests.servers.fork_server_process import below

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cret"
SD = "stability-ai/stable-diffusion"
SDXL = "stability-ai/sdxl"
SCHNELL = "lucataco/flux-schnell-lora"
DEV = "lucataco/flux-dev-lora"
SMALL = {"prompt": "a red cat", "width": 64, "height": 64, "num_inference_steps": 5, "seed": 3}
LONG = {"prompt": "a forest by a lake", "width": 2048, "height": 2048, "num_outputs": 4}
PATIENCE_S = 60.0

_PROGRAM = """
import json, sys
from engine.server.job_limits import Limits
from engine.server.socket_server import serve
options = json.loads(sys.argv[1])
serve(
    options["socket"], options["secret"], options["work"], options["slots"], Limits(**options["limits"]),
    conformance=options["conformance"],
)
"""


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of `condition`; fails the test after a minute."""
    give_up, pause = time.monotonic() + PATIENCE_S, 0.02
    while time.monotonic() < give_up:
        if value := condition():
            return value
        time.sleep(pause)
        pause = min(0.1, 1.1 * pause)
    raise AssertionError(f"waited in vain for {what}")


def listens(path: Path) -> bool:
    """Whether a Unix socket accepts connections. Called too early, httpcore leaves its own socket open."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs (a zombie does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Service:
    """One engine process and a client for it."""

    def __init__(
        self,
        folder: Path,
        *,
        slots: int = 2,
        leash: int | None = None,
        fork_server: int | None = None,
        conformance: bool = False,
        **limits: Any,
    ) -> None:
        self.folder = folder
        self.socket = folder / "run" / "engine.sock"
        self.work = folder / "work"
        self.errors = folder / "stderr.txt"
        options = {
            "socket": str(self.socket),
            "secret": SECRET,
            "work": str(self.work),
            "slots": slots,
            "limits": limits,
            "conformance": conformance,
        }
        inherited = {"DARKROOM_LEASH_FD": leash, client.VARIABLE: fork_server}
        variables = {name: str(fd) for name, fd in inherited.items() if fd is not None}
        others = {name: value for name, value in os.environ.items() if name not in inherited}
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, json.dumps(options)],
                cwd=ROOT,
                env={**others, **variables},
                stderr=errors,
                pass_fds=[int(fd) for fd in variables.values()],
            )
        self.client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)),
            base_url="http://engine",
            headers={"authorization": f"Bearer {SECRET}"},
            timeout=20,
        )
        wait_for(self._answers, "the engine to be ready")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the engine ended: {self.errors.read_text()}")
        try:
            return listens(self.socket) and bool(self.health()["ready"])
        except httpx.TransportError:
            return False

    def health(self) -> dict[str, Any]:
        return self.client.get("/health").json()

    def put(
        self, id: str, input: dict[str, Any], model: str = SDXL, deadline_s: float = 60
    ) -> dict[str, Any]:
        body = {"model": model, "version": "", "input": input, "deadline_s": deadline_s}
        answer = self.client.put(f"/predictions/{id}", content=json.dumps(body).encode())
        assert answer.status_code == 202, answer.text
        return answer.json()

    def get(self, id: str) -> dict[str, Any]:
        return self.client.get(f"/predictions/{id}").json()

    def ended(self, id: str) -> dict[str, Any]:
        """The final state of a prediction."""
        return wait_for(
            lambda: self._if(id, lambda state: state["status"] not in ("starting", "processing")), id
        )

    def painting(self, id: str) -> int:
        """The process id of a prediction's child, as soon as it has begun to paint."""

        def begun() -> int | None:
            state = self.get(id)
            assert state["status"] in ("starting", "processing"), state
            return self.pid(id) if "0%|" in state["logs"] else None

        return wait_for(begun, f"{id} to paint")

    def _if(self, id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        state = self.get(id)
        return state if condition(state) else None

    def pid(self, id: str) -> int | None:
        """The process id of a prediction's child; None between a killed one and its replacement."""
        return next((child["pid"] for child in self.health()["running"] if child["id"] == id), None)

    def run(
        self, id: str, input: dict[str, Any], model: str = SDXL, deadline_s: float = 60
    ) -> dict[str, Any]:
        """Start a prediction and wait for its end."""
        self.put(id, input, model, deadline_s)
        return self.ended(id)

    def file(self, id: str, name: str = "out-0.png") -> bytes:
        answer = self.client.get(f"/predictions/{id}/files/{name}")
        assert answer.status_code == 200, answer.text
        return answer.content

    def fork_server(self) -> int:
        """The process id of its fork server."""
        return self._named("dr-fork-server")

    def painters(self) -> int:
        """The process id of the painter server, which starts with the first job."""
        if not self.health()["painter"]:
            self.run("first", SMALL)
        return self._named("dr-painters")

    def _named(self, name: str) -> int:
        return self.below(name)[0].pid

    def below(self, name: str) -> list[psutil.Process]:
        """Its descendant processes of this name."""
        return below(psutil.Process(self.process.pid), name)

    def stop(self) -> int:
        """Stop it with SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Service]:
    """A service in a fresh folder, both removed at the end. Socket paths must be short: not tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    service = None
    try:
        service = Service(folder, **{"rest_after_s": 600.0, **options})
        yield service
    finally:
        if service is not None:
            service.client.close()
            service.stop()
        shutil.rmtree(folder, ignore_errors=True)
