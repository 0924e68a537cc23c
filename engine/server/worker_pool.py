"""Pool of worker processes behind a socket: restart, start of work items, and how each item ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from dataclasses import asdict, dataclass
from typing import Any

from core.processes.fork_server import client

PACKET = 65536
READY_WITHIN_S = 60.0
MAX_BACKOFF_S = 10.0
GONE_WITHIN_S = 2.0

log = logging.getLogger(__name__)


class WorkersLost(Exception):
    """The process that was asked for an errand died, and with it whatever it had begun."""


@dataclass(frozen=True)
class WorkItem:
    """One piece of work: its id, its folder and what it may use."""

    run: str
    folder: str
    memory_bytes: int
    cpu_seconds: int
    threads: int
    drawn_seed: int
    model: str = ""
    """`owner/name`, for workers that keep what they have loaded."""


class WorkerPool:
    """Starts the process at the other end of a socket, restarts it when it dies, and turns its messages into awaitable
    ends of errands. What process that is, is for those who inherit to say: `_start`, `restart` and `_gone`.
    """

    def __init__(self) -> None:
        self.painter = ""
        """Version of what works, known once it has been ready."""
        self._control: socket.socket | None = None
        self._ready = asyncio.Event()
        self._ends: dict[str, asyncio.Future[int]] = {}
        self._pids: dict[str, int] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._rests = False

    # -- which process ---------------------------------------------------------------------------------------
    def _start(self) -> socket.socket:
        """Start the process; our end of its socket."""
        raise NotImplementedError

    def restart(self) -> None:
        """Kill a process that no longer does its work, and with it all that it began; a new one follows at once."""
        raise NotImplementedError

    async def _gone(self) -> None:
        """Return when nothing is left of the process, which `restart` has killed."""

    # -- the same for all ------------------------------------------------------------------------------------
    def open(self) -> None:
        """Start keeping a process alive; returns before it is ready."""
        self._keeper = asyncio.create_task(self._keep(), name="worker keeper")

    async def close(self) -> None:
        """End the process and everything that it began."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for end in self._ends.values():
            end.cancel()  # nobody waits for these any more
        await self._bury()

    @property
    def is_ready(self) -> bool:
        """Whether an errand could be begun right now; one at rest is started for it."""
        return self._ready.is_set() or not self._wanted.is_set()

    async def ready(self) -> None:
        """Return as soon as an errand can be begun."""
        if not self._wake():
            await self._ready.wait()

    def rest(self) -> None:
        """End a process that has no work; the next errand starts another."""
        if self._ready.is_set() and not self._ends:
            self._ready.clear()
            self._wanted.clear()
            self._rests = True
            self.restart()

    def _wake(self) -> bool:
        """Have a process at rest started; whether it was at rest."""
        rested = not self._wanted.is_set()
        self._wanted.set()
        return rested

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every errand under way, by job id."""
        return dict(self._pids)

    def has(self, job: str) -> bool:
        """Whether an errand of this job has been asked for and has not ended."""
        return job in self._ends

    async def fork(self, errand: WorkItem, pipe: int) -> asyncio.Future[int]:
        """Begin an errand that writes to `pipe`; its end arrives in the future as an exit code.

        A negative code is a signal, as in `subprocess`. The future raises `WorkersLost` where the process died first.
        """
        self._wake()
        await self._ready.wait()
        end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._ends[errand.run] = end
        self._send(asdict(errand), [pipe])
        return end

    def kill(self, job: str, number: int) -> None:
        """Signal whatever works on the job; nothing happens where it has ended."""
        if job in self._ends:
            self._send({"kill": job, "signal": number})

    def replace(self, job: str) -> None:
        """Replace the process that should have ended this job."""
        self.restart()

    def _send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        # Packets are tiny and read at once, so the socket's buffer never fills; where it did, or where the
        # process is gone, its keeper sees that and fails the futures.
        if self._control is not None:
            try:
                socket.send_fds(self._control, [json.dumps(message).encode()], fds or [])
            except OSError:
                self.restart()

    async def _keep(self) -> None:
        """Start, listen, start again: at once after a death in service, else after growing pauses."""
        pause = 0.1
        while True:
            await self._wanted.wait()
            served = False
            try:
                self._control = self._start()
                self._control.setblocking(False)
                served = await self._listen()
            except Exception:
                # No memory for a process, or a message that makes no sense: whatever it is, try again.
                log.exception("Keeping the process that works failed")
            await self._bury()
            rested, self._rests = self._rests, False
            if rested:
                pause = 0.1
                continue
            pause = 0.1 if served else min(MAX_BACKOFF_S, pause * 2)
            log.warning("The process that works %s", "was lost" if served else "could not be started")
            await asyncio.sleep(pause)

    async def _listen(self) -> bool:
        """Handle messages until the process is gone. Returns whether it was ever ready."""
        assert self._control is not None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READY_WITHIN_S) as patience:
                while data := await loop.sock_recv(self._control, PACKET):
                    if self._hear(json.loads(data)):
                        patience.reschedule(None)
        except TimeoutError:
            self._too_slow()
        except OSError:
            pass
        return self._ready.is_set()

    def _too_slow(self) -> None:
        """It was not ready in time."""

    def _hear(self, message: dict[str, Any]) -> bool:
        """Act on one message; True where it says that the process is ready."""
        if "ready" in message:
            self.painter = message["painter"]
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

    async def _bury(self) -> None:
        """Make sure that nothing of the last process is left, and tell who waits for its errands."""
        self._ready.clear()
        if self._control is not None:
            self.restart()
            await self._gone()
            self._control.close()
            self._control = None
        self._pids.clear()
        ends, self._ends = self._ends, {}
        for end in ends.values():
            if not end.done():
                end.set_exception(WorkersLost("the process that worked on it was lost"))


class PainterPool(WorkerPool):
    """The process that forks painters, itself a child of the fork server: the inherited one, or one of our own."""

    def __init__(self, rest_after_s: float) -> None:
        """`rest_after_s`: after so long without work the process ends, and its 40 MiB with it; it starts with work."""
        super().__init__()
        self._wanted.clear()  # at rest until the first errand
        self._rest_after_s = rest_after_s
        self._servers = client.Servers()
        self._server: socket.socket | None = None
        self._pidfd = -1
        self._rest_timer: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """End the painters, and the fork server where it is our own."""
        await super().close()
        self._servers.close()

    def restart(self) -> None:
        """Kill it; where it was not ready and so is not known, the fork server does that when its socket is closed."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        else:
            self._hang_up()

    def _start(self) -> socket.socket:
        try:
            return self._ordered()
        except client.NoServer:  # it has died too; the next one is another
            return self._ordered()

    def _ordered(self) -> socket.socket:
        ours, theirs = client.pair()
        self._server = self._servers.control()
        with theirs, contextlib.ExitStack() as unless_sent:
            unless_sent.callback(ours.close)
            self._servers.order(self._server, {"kind": "painters"}, theirs)
            unless_sent.pop_all()
        return ours

    def _too_slow(self) -> None:
        if self._server is not None:
            self._servers.silent(self._server)

    def _hear(self, message: dict[str, Any]) -> bool:
        is_ready = super()._hear(message)
        if is_ready or "ended" in message:
            self._rest_later()
        if is_ready:
            if message["threads"] != 1:
                log.error("The painters' process has %d threads; forking it is not safe", message["threads"])
            self._watch(message["pid"])
        return is_ready

    def _rest_later(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        self._rest_timer = asyncio.get_running_loop().call_later(self._rest_after_s, self.rest)

    def _watch(self, pid: int) -> None:
        """Know it by more than its number, and of its death although the fork server, which buries it, is frozen."""
        with contextlib.suppress(AttributeError, OSError):  # not Linux, or dead already
            self._pidfd = os.pidfd_open(pid)
            asyncio.get_running_loop().add_reader(self._pidfd, self._hang_up)

    def _hang_up(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)

    async def _gone(self) -> None:
        """Return when its socket has ended: with its death, after which the kernel kills what it had forked."""
        assert self._control is not None
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(GONE_WITHIN_S):
                while await loop.sock_recv(self._control, PACKET):
                    pass
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
