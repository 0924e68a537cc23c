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
EXIT_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


class WorkersLost(Exception):
    """The pool's process died, and with it every work item that it had started."""


@dataclass(frozen=True)
class WorkItem:
    """One run of a job: its id, its folder and its resource limits."""

    run: str
    folder: str
    memory_bytes: int
    cpu_seconds: int
    threads: int
    drawn_seed: int
    model: str = ""
    """`owner/name`, for workers that keep pipelines loaded."""


class WorkerPool:
    """Keeps the process at the other end of a socket alive and turns its messages into futures of exit codes.

    Subclasses define the process: `_start`, `restart` and `_wait_until_gone`.
    """

    def __init__(self) -> None:
        self.painter = ""
        """Version of the painter; empty until the process has been ready once."""
        self._control: socket.socket | None = None
        self._ready = asyncio.Event()
        self._exit_codes: dict[str, asyncio.Future[int]] = {}
        self._pids: dict[str, int] = {}
        self._supervisor: asyncio.Task[None] | None = None
        self._needed = asyncio.Event()
        self._needed.set()
        self._is_resting = False

    # -- for subclasses --------------------------------------------------------------------------------------
    def _start(self) -> socket.socket:
        """Start the process; returns this side's end of its socket."""
        raise NotImplementedError

    def restart(self) -> None:
        """Kill the process and everything that it started; a new one follows at once."""
        raise NotImplementedError

    async def _wait_until_gone(self) -> None:
        """Return once the process that `restart` killed, and all its children, are gone."""

    # -- shared ----------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Start keeping a process alive; returns before it is ready."""
        self._supervisor = asyncio.create_task(self._supervise(), name="worker keeper")

    async def close(self) -> None:
        """End the process and everything that it started."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        for end in self._exit_codes.values():
            end.cancel()  # nothing waits for these any more
        await self._discard()

    @property
    def is_ready(self) -> bool:
        """Whether a work item could be started now; true also for an idle pool, which starts its process for it."""
        return self._ready.is_set() or not self._needed.is_set()

    async def ready(self) -> None:
        """Return as soon as a work item can be started."""
        if not self._wake():
            await self._ready.wait()

    def rest(self) -> None:
        """End an idle process; the next work item starts another."""
        if self._ready.is_set() and not self._exit_codes:
            self._ready.clear()
            self._needed.clear()
            self._is_resting = True
            self.restart()

    def _wake(self) -> bool:
        """Start the process of an idle pool; returns whether the pool was idle."""
        rested = not self._needed.is_set()
        self._needed.set()
        return rested

    @property
    def pids(self) -> dict[str, int]:
        """Process id of every running work item, by job id."""
        return dict(self._pids)

    def has(self, job: str) -> bool:
        """Whether a work item of this job has been sent and has not ended."""
        return job in self._exit_codes

    async def fork(self, item: WorkItem, pipe: int) -> asyncio.Future[int]:
        """Start a work item that writes to `pipe`; the future holds its exit code.

        A negative code is a signal, as in `subprocess`. The future raises `WorkersLost` where the process died first.
        """
        self._wake()
        await self._ready.wait()
        end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._exit_codes[item.run] = end
        self._send(asdict(item), [pipe])
        return end

    def kill(self, job: str, number: int) -> None:
        """Signal the job's process; does nothing where it has ended."""
        if job in self._exit_codes:
            self._send({"kill": job, "signal": number})

    def replace(self, job: str) -> None:
        """Replace the pool's process, which failed to end this job."""
        self.restart()

    def _send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        # Packets are tiny and read at once, so the socket's buffer never fills; if it did, or if the
        # process is gone, the keeper task notices and fails the futures.
        if self._control is not None:
            try:
                socket.send_fds(self._control, [json.dumps(message).encode()], fds or [])
            except OSError:
                self.restart()

    async def _supervise(self) -> None:
        """Start the process, handle its messages, start it again; after failed starts with growing pauses."""
        pause = 0.1
        while True:
            await self._needed.wait()
            served = False
            try:
                self._control = self._start()
                self._control.setblocking(False)
                served = await self._listen()
            except Exception:
                # Out of memory, or an invalid message: whatever it is, try again.
                log.exception("Keeping the process that works failed")
            await self._discard()
            rested, self._is_resting = self._is_resting, False
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
                    if self._handle(json.loads(data)):
                        patience.reschedule(None)
        except TimeoutError:
            self._on_start_timeout()
        except OSError:
            pass
        return self._ready.is_set()

    def _on_start_timeout(self) -> None:
        """Called when the process was not ready within `READY_WITHIN_S`."""

    def _handle(self, message: dict[str, Any]) -> bool:
        """Handle one message; True where it reports that the process is ready."""
        if "ready" in message:
            self.painter = message["painter"]
            self._ready.set()
            return True
        if "started" in message:
            self._pids[message["started"]] = message["pid"]
        elif "ended" in message:
            self._pids.pop(message["ended"], None)
            end = self._exit_codes.pop(message["ended"], None)
            if end is not None and not end.done():
                end.set_result(message["code"])
        return False

    async def _discard(self) -> None:
        """Make sure that the last process is gone, and fail the futures of its work items with `WorkersLost`."""
        self._ready.clear()
        if self._control is not None:
            self.restart()
            await self._wait_until_gone()
            self._control.close()
            self._control = None
        self._pids.clear()
        ends, self._exit_codes = self._exit_codes, {}
        for end in ends.values():
            if not end.done():
                end.set_exception(WorkersLost("the process that worked on it was lost"))


class PainterPool(WorkerPool):
    """The pool of painters: a painter server, forked by the inherited fork server or by one of the pool's own."""

    def __init__(self, rest_after_s: float) -> None:
        """`rest_after_s`: idle seconds after which the process ends and frees its 40 MiB; the next work starts it."""
        super().__init__()
        self._needed.clear()  # idle until the first work item
        self._rest_after_s = rest_after_s
        self._servers = client.Servers()
        self._server: socket.socket | None = None
        self._pidfd = -1
        self._rest_timer: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """End the painters, and the fork server where the pool started it."""
        await super().close()
        self._servers.close()

    def restart(self) -> None:
        """Kill the painter server; before it is ready its pid is unknown: the fork server kills it on hang-up."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        else:
            self._hang_up()

    def _start(self) -> socket.socket:
        try:
            return self._request_process()
        except client.NoServer:  # the fork server has died too; retry with a new one
            return self._request_process()

    def _request_process(self) -> socket.socket:
        ours, theirs = client.pair()
        self._server = self._servers.control()
        with theirs, contextlib.ExitStack() as unless_sent:
            unless_sent.callback(ours.close)
            self._servers.order(self._server, {"kind": "painters"}, theirs)
            unless_sent.pop_all()
        return ours

    def _on_start_timeout(self) -> None:
        if self._server is not None:
            self._servers.silent(self._server)

    def _handle(self, message: dict[str, Any]) -> bool:
        is_ready = super()._handle(message)
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
        """Open a pidfd: safe against pid reuse, and it reports the death even while the fork server is frozen."""
        with contextlib.suppress(AttributeError, OSError):  # not Linux, or dead already
            self._pidfd = os.pidfd_open(pid)
            asyncio.get_running_loop().add_reader(self._pidfd, self._hang_up)

    def _hang_up(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)

    async def _wait_until_gone(self) -> None:
        """Return at the end of its socket, when the process is dead; the kernel then kills the children it forked."""
        assert self._control is not None
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                while await loop.sock_recv(self._control, PACKET):
                    pass
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
