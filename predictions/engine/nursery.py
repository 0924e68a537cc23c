"""The engine's side of the zygote: keeps one alive, has it fork children, hears how they end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import predictions
from predictions.engine.leash import leash_fd
from predictions.engine.limits import thread_environment

PACKET = 65536
FRUGAL = {"MALLOC_ARENA_MAX": "2"}
"""Each thread's own malloc arena would take 64 MB of the children's limited address space."""
READY_WITHIN_S = 60.0
MAX_BACKOFF_S = 10.0

log = logging.getLogger(__name__)


class ZygoteLost(Exception):
    """The process that forks painters died, and with it the child that was asked about."""


@dataclass(frozen=True)
class Errand:
    """One child to be forked: its id, its folder and what it may use."""

    run: str
    folder: str
    memory_bytes: int
    cpu_seconds: int
    threads: int
    drawn_seed: int
    model: str = ""
    """`owner/name`, for workers that keep what they have loaded."""


class Nursery:
    """Starts the zygote, restarts it when it dies, and turns its messages into awaitable ends of children."""

    def __init__(self) -> None:
        self.painter = ""
        """Version of the painter, known once the zygote has been ready."""
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = asyncio.Event()
        self._ends: dict[str, asyncio.Future[int]] = {}
        self._pids: dict[str, int] = {}
        self._keeper: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start keeping a zygote alive; returns before it is ready."""
        self._keeper = asyncio.create_task(self._keep(), name="zygote keeper")

    async def close(self) -> None:
        """End the zygote and every child."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for end in self._ends.values():
            end.cancel()  # nobody waits for these any more
        self._bury()

    @property
    def is_ready(self) -> bool:
        """Whether a child could be forked right now."""
        return self._ready.is_set()

    async def ready(self) -> None:
        """Return as soon as a child can be forked."""
        await self._ready.wait()

    @property
    def pids(self) -> dict[str, int]:
        """Process id (and group) of every child under way, by job id."""
        return dict(self._pids)

    def has(self, job: str) -> bool:
        """Whether a child of this job has been asked for and has not ended."""
        return job in self._ends

    async def fork(self, errand: Errand, pipe: int) -> asyncio.Future[int]:
        """Fork a child that owns `pipe`'s other half; its end arrives in the future as an exit code.

        A negative code is a signal, as in `subprocess`. The future raises `ZygoteLost` where the zygote died
        first.
        """
        await self._ready.wait()
        end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._ends[errand.run] = end
        self._send(asdict(errand), [pipe])
        return end

    def kill(self, job: str, number: int) -> None:
        """Signal the whole process group of a job's child; nothing happens where it has ended."""
        if job in self._ends:
            self._send({"kill": job, "signal": number})

    def _send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        # Packets are tiny and read at once, so the socket's buffer never fills; where it did, or where the
        # zygote is gone, its keeper sees that and fails the futures.
        if self._control is not None:
            try:
                socket.send_fds(self._control, [json.dumps(message).encode()], fds or [])
            except OSError:
                self.replace_zygote()

    async def _keep(self) -> None:
        """Start, listen, start again: at once after a death in service, else after growing pauses."""
        pause = 0.1
        while True:
            served = False
            try:
                self._start()
                served = await self._listen()
            except Exception:
                # No memory for a process, or a message that makes no sense: whatever it is, try again.
                log.exception("Keeping the painter's process failed")
            self._bury()
            pause = 0.1 if served else min(MAX_BACKOFF_S, pause * 2)
            log.warning("The painter's process %s", "was lost" if served else "could not be started")
            await asyncio.sleep(pause)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        leash = leash_fd()
        # Kept from here on, so that `_bury` closes it where no process can be started.
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *([leash] if leash is not None else [])],
                env=self._environment(),
            )

    def _command(self, control: int) -> list[str]:
        """The command line of the process that works; `control` is its end of the socket."""
        return [sys.executable, "-P", "-m", "predictions.engine.zygote", str(control), str(os.getpid())]

    def _environment(self) -> dict[str, str]:
        root = str(Path(predictions.__file__).resolve().parent.parent)
        # One BLAS thread: more would be started by the import, and a process with threads must not fork.
        environment = {**os.environ, **thread_environment(1), **FRUGAL}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        return environment

    async def _listen(self) -> bool:
        """Handle messages until the zygote is gone. Returns whether it was ever ready."""
        assert self._control is not None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READY_WITHIN_S) as patience:
                while data := await loop.sock_recv(self._control, PACKET):
                    if self._hear(json.loads(data)):
                        patience.reschedule(None)
        except (OSError, TimeoutError):
            pass
        return self._ready.is_set()

    def _hear(self, message: dict[str, Any]) -> bool:
        """Act on one message; True where it says that the zygote is ready."""
        if "ready" in message:
            self.painter = message["painter"]
            if message["threads"] != 1:
                log.error("The painter's process has %d threads; forking it is not safe", message["threads"])
            self._ready.set()
            return True
        if "started" in message:
            self._pids[message["started"]] = message["pid"]
        elif "ended" in message:
            self._pids.pop(message["ended"], None)
            end = self._ends.pop(message["ended"], None)
            if end is not None and not end.done():
                end.set_result(message["code"])
        return False

    def replace(self, job: str) -> None:
        """Replace the zygote that should have ended this job."""
        self.replace_zygote()

    def replace_zygote(self) -> None:
        """Kill a zygote that no longer does its work, and with it its children; a new one follows at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)

    def _bury(self) -> None:
        """Make sure that nothing of the last zygote is left, and tell who waits for its children."""
        self._ready.clear()
        self.replace_zygote()
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._control is not None:
            self._control.close()
            self._control = None
        self._pids.clear()
        ends, self._ends = self._ends, {}
        for end in ends.values():
            if not end.done():
                end.set_exception(ZygoteLost("the painter's process was lost"))
