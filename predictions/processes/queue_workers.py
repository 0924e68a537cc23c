"""Queue workers: processes that each take wake-ups from the queue's table and run one task at a time.

django-q2's own `worker` runs the tasks; its cluster, pusher and monitor, with their pipes, are replaced by the
statements of `predictions.execution.task_queue`. Workers share no lock, so killing one at any moment harms no other:
the wake-up that it took is due again after `retry` seconds, and the work it was for is due in its own rows.
The heartbeat `cluster-work` is written by a worker that has just polled the table, over the same connection. It
proves as much as a task sent through a whole cluster would: there is no other process on the way that could hang.
Whether each single worker is alive is the supervisor's concern, by `programs.report_alive`.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django_q.monitor import save_task
from django_q.signals import post_execute
from django_q.worker import worker

from core.jobs import wakeups
from core.processes import pdeathsig, programs, session
from core.processes.supervisor import Part
from predictions import tasks
from predictions.execution import provider_calls, task_queue
from predictions.files import sandbox_client
from predictions.processes.heartbeat import EVERY_S, beat

log = structlog.get_logger(__name__)
T = TypeVar("T")
Task = dict[str, Any]

VARIABLE = "DARKROOM_WORKER_FDS"
GRACE_S = 5.0
"""Seconds that a running task gets when everything stops; what it leaves is taken up after its lease."""
POLL_S = 5.0
"""Seconds between polls while wake-ups are received. Where one is lost the sweep sends it again within a second."""
FAST_POLL_S = 0.1
"""The same where wake-ups may not arrive: no socket, other machines, or a task was found that none announced."""
FAST_POLL_FOR_S = 60.0
"""Seconds for which workers poll more often after such a task."""
DATABASE_RETRY_S = 0.5
"""Pause in seconds between attempts while the database is unreachable."""
_AWAY = (DatabaseError, InterfaceError)
_STOP = "STOP"
_LOOK, _BEAT, _FOUND = range(3)
"""Positions of the timestamps in `Shared`: last poll, last heartbeat, last task that no wake-up announced."""
_FUNCTIONS = {f"{tasks.__name__}.{one.__name__}": one for one in (tasks.start, tasks.collect, tasks.cancel)}
"""Known task functions by path, so that they are not imported by name each time."""


class Shared:
    """State shared by the workers of one machine: the wake-up socket, and a memory page with timestamps.

    Of the workers waiting at the socket the kernel wakes one per wake-up. The page holds when any of them last
    polled, wrote a heartbeat, and found a task that no wake-up announced; whichever worker finds a poll or heartbeat
    due does it for all. There is no lock, since two at once would do no harm.
    """

    def __init__(self, ear: int, page: int) -> None:
        """Takes the two descriptors of `descriptors`, which stay open."""
        self._ear = socket.socket(fileno=os.dup(ear))
        self._page = mmap.mmap(page, mmap.PAGESIZE)
        self.hears = bool(self._ear.getsockname())
        """Whether wake-ups can be received at all."""

    def wait_at_most(self, seconds: float) -> None:
        """Set how long `hear` waits. The timeout belongs to the socket, so all workers must set the same."""
        time_ = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, time_)

    def hear(self) -> bool:
        """Wait for a wake-up; False after the timeout of `wait_at_most`."""
        try:
            self._ear.recv(wakeups.MAX_HINT)
        except BlockingIOError:
            return False
        return True

    def note(self, which: int) -> None:
        """Set the timestamp `which` to now."""
        struct.pack_into("d", self._page, which * 8, time.monotonic())

    def is_due(self, which: int, seconds: float) -> bool:
        """Whether the timestamp `which` is at least so many seconds old."""
        # The monotonic clock is the same for all processes of the machine.
        return not 0 <= time.monotonic() - struct.unpack_from("d", self._page, which * 8)[0] < seconds

    def close(self) -> None:
        """Stop receiving."""
        self._ear.close()
        self._page.close()


@contextlib.contextmanager
def descriptors() -> Iterator[tuple[int, int]]:
    """Socket and memory page for the workers, to be passed on by `parts`."""
    with contextlib.ExitStack() as stack:
        try:
            ear = stack.enter_context(contextlib.closing(wakeups.Listener(wakeups.WORK))).fileno()
        except OSError:
            ear = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)).fileno()
        # Workers block in `recv`: if they polled, the kernel would wake all of them.
        os.set_blocking(ear, True)
        page = _page()
        stack.callback(os.close, page)
        yield ear, page


def parts(count: int, shared: tuple[int, int], env: Mapping[str, str] | None = None) -> list[Part]:
    """So many workers as parts of a supervisor; `env` is added to their environment."""
    environment = {**(env or {}), VARIABLE: ",".join(map(str, shared))}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "cluster", "work", "--worker"]
    return [
        Part(
            f"worker-{number}", [*command, str(number)], environment, fds=shared, stage=1, grace_s=GRACE_S,
            silent_s=task_queue.SILENT_S, run=run,
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def run() -> int:
    """Run one worker until SIGTERM or SIGINT, finishing the task under way. Creates what is shared if not inherited.

    Exit code: 0 after a signal or after `recycle` tasks, 1 after a task that exceeded its time limit.
    """
    pdeathsig.arm()
    session.set_process_name("dr-worker")
    provider_calls.keep()
    with contextlib.ExitStack() as stack:
        ear, page = _inherited() or stack.enter_context(descriptors())
        rows, timer = _Rows(stack.enter_context(contextlib.closing(Shared(ear, page)))), _Timer()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, rows.stop)
        worker(rows, rows, timer, settings.Q_CLUSTER["timeout"])
    connections.close_all()
    return 1 if timer.ran_over else 0


def _inherited() -> tuple[int, int] | None:
    numbers = [int(one) for one in os.environ.get(VARIABLE, "").split(",") if one]
    return (numbers[0], numbers[1]) if numbers else None


def _page() -> int:
    """File descriptor of one memory page.

    Not backed by a file where that is possible: it would be written to disk again and again.
    """
    if sys.platform == "linux":
        fd = os.memfd_create("workers")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, mmap.PAGESIZE)
    return fd


class _Stopped(BaseException):
    """Raised by a signal while no task is under way."""


class _Rows:
    """The queue's table, with the interface of django-q2's task and result queues."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._stopping = False
        self._waiting = False

    def stop(self, number: int, frame: object) -> None:
        """Signal handler: stop after the task under way, or at once where there is none."""
        self._stopping = True
        if self._waiting:
            self._waiting = False
            raise _Stopped

    def get(self) -> Task | str:
        """The next task; blocks until there is one."""
        poll, unannounced = True, False
        while not self._stopping:
            programs.report_alive()
            if poll and (task := self._take_task()) is not None:
                programs.report_alive()
                if unannounced:
                    self._shared.note(_FOUND)
                return {**task, "func": _FUNCTIONS.get(task["func"], task["func"])}
            sandbox_client.reap()
            seconds = self._pause()
            woken = self._hear(seconds)
            # A little less than the pause, so that it has passed for whoever waited since the last poll.
            unannounced = not woken and self._shared.is_due(_LOOK, seconds * 0.9)
            poll = woken or unannounced
        return _STOP

    def put(self, task: Task) -> None:
        """Record a task's end: failures are saved, and the task's row is deleted in any case."""
        programs.report_alive()
        if not task["success"]:
            log.error("task_failed", task=task["name"], error=task["result"])
        # It saves nothing of a success, and never raises.
        save_task(task, None)
        self._retry(partial(task_queue.delete, task["ack_id"]))
        post_execute.send(sender="django_q", task=task)
        self._beat()

    def _take_task(self) -> Task | None:
        self._shared.note(_LOOK)
        taken = self._retry(task_queue.take) or task_queue.NOTHING
        if taken.more:
            # The workers that were woken for them may all be busy.
            wakeups.send(wakeups.WORK)
        if taken.task is None:
            self._beat()
        return taken.task

    def _pause(self) -> float:
        """Seconds after which one of the waiting workers polls. The same for all: the socket has one timeout."""
        shared = self._shared
        all_come = shared.hears and wakeups.are_complete() and shared.is_due(_FOUND, FAST_POLL_FOR_S)
        return POLL_S if all_come else FAST_POLL_S

    def _hear(self, seconds: float) -> bool:
        self._shared.wait_at_most(seconds)
        try:
            self._waiting = True
            try:
                return not self._stopping and self._shared.hear()
            finally:
                self._waiting = False
        except _Stopped:
            return False

    def _beat(self) -> None:
        if self._shared.is_due(_BEAT, EVERY_S):
            self._shared.note(_BEAT)
            self._retry(partial(beat, "cluster-work"))

    def _retry(self, function: Callable[[], T]) -> T | None:
        """Result of `function`, retried while the database is unreachable; None where it was stopped meanwhile."""
        for number in range(sys.maxsize):
            try:
                return function()
            except _AWAY as error:
                if self._stopping:
                    break
                # The first failure may only mean that an idle connection had broken before.
                if number:
                    time.sleep(DATABASE_RETRY_S)
                if number == 1:
                    log.warning("queue_away", reason=str(error).strip().partition("\n")[0])
                programs.report_alive()
                close_old_connections()
        return None


class _Timer:
    """In place of the shared counter that django-q2's worker uses with its sentinel."""

    value = -1.0

    @staticmethod
    def get_lock() -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    @property
    def ran_over(self) -> bool:
        """Whether the worker ended because its last task exceeded its time limit."""
        return self.value == 0
