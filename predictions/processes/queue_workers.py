"""Queue workers: processes that take wake-ups from the queue's table by themselves and run them, one at a time each.

django-q2's own `worker` runs the tasks; in place of its cluster, pusher and monitor with their pipes stand the
statements of `running/queue.py`. Workers share no lock, so that one that is killed at any moment harms no other: the
wake-up that it had taken is due again after `retry` seconds, and what it was woken for is due in its own rows.

The sign of life `cluster-work` is written by a worker that has just asked the table, over the same connection. It
proves as much as a task sent all the way round did: there is no other process on that way that could stand still. That
every single worker goes on is the supervisor's to see, by `life.sign`.
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
"""Seconds that a task under way has to end when everything stops; what it leaves is taken up after its lease."""
LOOK_S = 5.0
"""How long they wait for a hint. Where it was lost the sweep wakes them again within a second."""
BLIND_LOOK_S = 0.1
"""The same where hints may not come: no socket, other machines, or one was found of which no hint had told."""
SUSPICION_S = 60.0
"""So long after such a one they look more often."""
PATIENCE_S = 0.5
"""The pause between tries while the database is away."""
_AWAY = (DatabaseError, InterfaceError)
_STOP = "STOP"
_LOOK, _BEAT, _FOUND = range(3)
_FUNCTIONS = {f"{tasks.__name__}.{one.__name__}": one for one in (tasks.start, tasks.collect, tasks.cancel)}
"""Found here, a task is not looked up again each time."""


class Shared:
    """What the workers of one machine share: a socket with hints, and a page with times.

    Of those that wait at the socket the kernel wakes one for each hint. The page says when one of them last looked,
    gave a sign of life, and found what no hint had told of. Whoever finds a look or a sign to be due does it for all.
    Two at once would do no harm, so there is no lock.
    """

    def __init__(self, ear: int, page: int) -> None:
        """Of `descriptors`, which stay open."""
        self._ear = socket.socket(fileno=os.dup(ear))
        self._page = mmap.mmap(page, mmap.PAGESIZE)
        self.hears = bool(self._ear.getsockname())
        """Whether hints come at all."""

    def wait_at_most(self, seconds: float) -> None:
        """How long `hear` waits. It belongs to the socket, so all workers must say the same."""
        time_ = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, time_)

    def hear(self) -> bool:
        """Wait for a hint; False after `wait_at_most`."""
        try:
            self._ear.recv(wakeups.LONGEST)
        except BlockingIOError:
            return False
        return True

    def note(self, which: int) -> None:
        """It is being done now."""
        struct.pack_into("d", self._page, which * 8, time.monotonic())

    def is_due(self, which: int, seconds: float) -> bool:
        """Whether nobody has done it for so many seconds."""
        # The clock counts from the start of the machine, for all its processes.
        return not 0 <= time.monotonic() - struct.unpack_from("d", self._page, which * 8)[0] < seconds

    def close(self) -> None:
        """Hear no more."""
        self._ear.close()
        self._page.close()


@contextlib.contextmanager
def descriptors() -> Iterator[tuple[int, int]]:
    """For whoever starts workers: the socket and the page that they share, to be handed on by `parts`."""
    with contextlib.ExitStack() as stack:
        try:
            ear = stack.enter_context(contextlib.closing(wakeups.Listener(wakeups.WORK))).fileno()
        except OSError:
            ear = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)).fileno()
        # They wait in the kernel, which would wake everybody that polls.
        os.set_blocking(ear, True)
        page = _page()
        stack.callback(os.close, page)
        yield ear, page


def parts(count: int, shared: tuple[int, int], env: Mapping[str, str] | None = None) -> list[Part]:
    """So many workers, as parts of a supervisor; `env` is added to what they find in the environment."""
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
    """Be one worker until SIGTERM or SIGINT, after the task under way. Alone where no supervisor started it.

    The exit code: 0 after these or after `recycle` tasks; 1 after a task that ran over its time.
    """
    pdeathsig.arm()
    session.call_this_process("dr-worker")
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
    """A descriptor of some memory, in no file where that can be: it would be written to the disk again and again."""
    if sys.platform == "linux":
        fd = os.memfd_create("workers")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, mmap.PAGESIZE)
    return fd


class _Stopped(BaseException):
    """Told to stop while nothing was under way."""


class _Rows:
    """The queue's table, in place of django-q2's queues of tasks and of results."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._stopping = False
        self._waiting = False

    def stop(self, number: int, frame: object) -> None:
        """For signals: end after the task under way, at once where there is none."""
        self._stopping = True
        if self._waiting:
            self._waiting = False
            raise _Stopped

    def get(self) -> Task | str:
        """The next task; waits for it."""
        look, by_itself = True, False
        while not self._stopping:
            programs.report_alive()
            if look and (task := self._look()) is not None:
                programs.report_alive()
                if by_itself:
                    self._shared.note(_FOUND)
                return {**task, "func": _FUNCTIONS.get(task["func"], task["func"])}
            sandbox_client.reap()
            seconds = self._pause()
            heard = self._hear(seconds)
            # A little less, so that it is over for whoever waits since the last look.
            by_itself = not heard and self._shared.is_due(_LOOK, seconds * 0.9)
            look = heard or by_itself
        return _STOP

    def put(self, task: Task) -> None:
        """Note how a task ended: failures are kept, and its row is deleted in any case."""
        programs.report_alive()
        if not task["success"]:
            log.error("task_failed", task=task["name"], error=task["result"])
        # It writes nothing of what went well, and breaks never.
        save_task(task, None)
        self._done(partial(task_queue.delete, task["ack_id"]))
        post_execute.send(sender="django_q", task=task)
        self._beat()

    def _look(self) -> Task | None:
        self._shared.note(_LOOK)
        taken = self._done(task_queue.take) or task_queue.NOTHING
        if taken.more:
            # Those that were told of it may all be busy.
            wakeups.send(wakeups.WORK)
        if taken.task is None:
            self._beat()
        return taken.task

    def _pause(self) -> float:
        """Seconds after which one of those that wait looks by itself. All say the same: the socket has one."""
        shared = self._shared
        all_come = shared.hears and wakeups.come_from_all() and shared.is_due(_FOUND, SUSPICION_S)
        return LOOK_S if all_come else BLIND_LOOK_S

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
            self._done(partial(beat, "cluster-work"))

    def _done(self, deed: Callable[[], T]) -> T | None:
        """What `deed` gives, tried again while the database is away; None where it was told to stop meanwhile."""
        for number in range(sys.maxsize):
            try:
                return deed()
            except _AWAY as error:
                if self._stopping:
                    break
                # The first may only have met a connection that had broken long since.
                if number:
                    time.sleep(PATIENCE_S)
                if number == 1:
                    log.warning("queue_away", reason=str(error).strip().partition("\n")[0])
                programs.report_alive()
                close_old_connections()
        return None


class _Timer:
    """In place of the number that django-q2's worker shares with its guard."""

    value = -1.0

    @staticmethod
    def get_lock() -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    @property
    def ran_over(self) -> bool:
        """Whether the worker ended because its last task ran over its time."""
        return self.value == 0
