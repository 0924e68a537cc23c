"""Running the engine: one process, one Unix socket, until it is told to stop."""

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

import uvicorn

from predictions.engine.app import App
from predictions.engine.jobs import Book
from predictions.engine.leash import hold_leash
from predictions.engine.limits import Limits
from predictions.engine.models import served
from predictions.engine.nursery import Nursery
from predictions.engine.runner import Runner
from predictions.engine.workforce import Workforce

MAX_SOCKET_PATH = 107
LOCK_WAIT_S = 10.0


class EngineError(Exception):
    """The engine cannot start; the text says why and what to change."""


@dataclass(frozen=True)
class Trade:
    """What a service does behind the socket: for whom it takes orders, and who works on them."""

    models: frozenset[str]
    """`owner/name` of each model."""
    workforce: Callable[[], Workforce]
    """Makes the processes that work; called in the event loop."""
    title: str = "embedded engine"
    """What refusals call the service."""
    who: str = "painter"
    """What failures call the one that works."""


def serve(
    socket_path: str | Path,
    secret: str,
    work_dir: str | Path,
    slots: int,
    limits: Limits | None = None,
    *,
    conformance: bool = False,
) -> None:
    """Serve predictions until SIGTERM or SIGINT, then kill what is under way and return.

    `socket_path` is made in a folder of mode 0700 (created where absent); `work_dir` belongs to this engine
    alone and is emptied. `slots` is how many predictions paint at once, at least 1. `conformance` adds the
    fixture models for outside suites. Raises `EngineError`.
    """
    serve_trade(Trade(served(conformance), Nursery), socket_path, secret, work_dir, slots, limits)


def serve_trade(
    trade: Trade,
    socket_path: str | Path,
    secret: str,
    work_dir: str | Path,
    slots: int,
    limits: Limits | None = None,
) -> None:
    """What `serve` does, for any trade. Raises `EngineError`."""
    if slots < 1:
        raise EngineError("The engine needs at least one slot.")
    path, folder = Path(socket_path).absolute(), Path(work_dir).absolute()
    hold_leash()
    with _lock(folder), _listening(path) as listener, _quiet_signals():
        asyncio.run(_serve(trade, listener, secret, folder, slots, limits or Limits()))


async def _serve(
    trade: Trade, listener: socket.socket, secret: str, folder: Path, slots: int, limits: Limits
) -> None:
    book, nursery = Book(folder), trade.workforce()
    book.empty_folder()
    runner = Runner(book, nursery, limits, slots, who=trade.who)
    app = App(secret, book, runner, nursery, slots, trade.models, title=trade.title)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )
    runner.open()
    try:
        await uvicorn.Server(config).serve(sockets=[listener])
    finally:
        await runner.close()


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Two engines on one folder would empty it under each other. The lock ends with the process, anyhow."""
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
    """A listening socket at `path`, which only this user can reach."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise EngineError(f"The socket's path is longer than {MAX_SOCKET_PATH} bytes: {path}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.parent.stat().st_mode & 0o777
    if mode != 0o700:
        raise EngineError(
            f"The folder of the engine's socket must have mode 0700, not {mode:04o}: {path.parent}"
        )
    path.unlink(missing_ok=True)  # the lock says that nobody listens there any more
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(256)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let uvicorn raise the signal that stopped it once more, as it does, without dying unclean."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
