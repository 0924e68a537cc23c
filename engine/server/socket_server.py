"""Server process of the engine: work folder lock, Unix socket, uvicorn, shutdown on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from core.processes import programs
from core.processes.pdeathsig import arm
from core.processes.uvicorn_server import Server
from engine.protocol.service_address import EngineError
from engine.published_models import served_models
from engine.server.app import App
from engine.server.job_limits import Limits
from engine.server.job_registry import JobRegistry
from engine.server.job_runner import Runner
from engine.server.worker_interface import WorkerInterface
from engine.server.worker_pool import PainterPool

MAX_SOCKET_PATH = 107
LOCK_WAIT_S = 10.0
LIVENESS_INTERVAL_S = 5.0
"""Seconds between two liveness reports to the supervisor of this process."""


@dataclass(frozen=True)
class ServiceSpec:
    """What differs between the services behind a socket: models, worker pool, names in messages."""

    models: frozenset[str]
    """`owner/name` of each model."""
    workforce: Callable[[], WorkerInterface]
    """Factory of the worker pool; called in the event loop."""
    title: str = "embedded engine"
    """The service's name in HTTP error messages."""
    worker_name: str = "painter"
    """The worker's name in error messages of predictions."""


def serve(
    socket_path: str | Path,
    secret: str,
    work_dir: str | Path,
    slots: int,
    limits: Limits | None = None,
    *,
    conformance: bool = False,
) -> None:
    """Serve predictions until SIGTERM or SIGINT, then kill running work and return.

    `socket_path` is created in a folder of mode 0700 (created where absent); `work_dir` belongs to this engine
    alone and is emptied. `slots` is how many predictions paint at once, at least 1. `conformance` adds the
    fixture models for outside suites. Raises `EngineError`.
    """
    limits = limits or Limits()
    spec = ServiceSpec(served_models(conformance), lambda: PainterPool(limits.rest_after_s))
    run_service(spec, socket_path, secret, work_dir, slots, limits)


def run_service(
    spec: ServiceSpec,
    socket_path: str | Path,
    secret: str,
    work_dir: str | Path,
    slots: int,
    limits: Limits | None = None,
) -> None:
    """`serve` for any `ServiceSpec`. Raises `EngineError`."""
    if slots < 1:
        raise EngineError("The engine needs at least one slot.")
    path, folder = Path(socket_path).absolute(), Path(work_dir).absolute()
    arm()
    with _Signals().installed() as signals, _lock(folder), _listening(path) as listener:
        asyncio.run(_serve(spec, listener, secret, folder, slots, limits or Limits(), signals))


async def _serve(
    spec: ServiceSpec,
    listener: socket.socket,
    secret: str,
    folder: Path,
    slots: int,
    limits: Limits,
    signals: _Signals,
) -> None:
    registry, pool = JobRegistry(folder), spec.workforce()
    registry.empty_folder()
    runner = Runner(registry, pool, limits, slots, worker_name=spec.worker_name)
    app = App(secret, registry, runner, pool, slots, spec.models, title=spec.title)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    runner.open()
    liveness = asyncio.create_task(_report_liveness(), name="signs of life")
    try:
        signals.end(server)
        await server.serve(sockets=[listener])
    finally:
        liveness.cancel()
        await runner.close()


async def _report_liveness() -> None:
    while programs.LIVENESS_VARIABLE in os.environ:
        programs.report_alive()
        await asyncio.sleep(LIVENESS_INTERVAL_S)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Lock the work folder: a second engine would empty it. The kernel releases the lock with the process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        give_up = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise EngineError(f"Another engine is running on {folder}.") from None
                time.sleep(0.1)
        yield


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket at `path`, accessible to this user only."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise EngineError(f"The socket's path is longer than {MAX_SOCKET_PATH} bytes: {path}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.parent.stat().st_mode & 0o777
    if mode != 0o700:
        raise EngineError(
            f"The folder of the engine's socket must have mode 0700, not {mode:04o}: {path.parent}"
        )
    path.unlink(missing_ok=True)  # stale: the lock guarantees that no other process listens there
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(256)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


class _Signals:
    """SIGTERM and SIGINT handlers for the whole run: a signal before the server exists ends it as soon as it does.

    uvicorn raises the signal that ended it once more, which then does nothing.
    """

    def __init__(self) -> None:
        self._server: Server | None = None
        self._received: list[tuple[int, FrameType | None]] = []

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._received.append((number, frame))
        if self._server is not None:
            self._server.handle_exit(number, frame)

    def end(self, server: Server) -> None:
        """Forward past and future signals to this server."""
        self._server = server
        for number, frame in self._received:
            server.handle_exit(number, frame)

    @contextlib.contextmanager
    def installed(self) -> Iterator[_Signals]:
        """Install the handlers inside the block; only in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
