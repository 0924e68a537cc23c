"""Our cluster of django-q2: one that never freezes quietly.

Its idle workers share a reader lock which one of them always holds; when that one is killed, the others wait for ever,
while the sentinel goes on looking healthy. So whoever dies by a signal while it may hold something takes the whole
cluster along, and the supervisor starts it anew.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import time
from multiprocessing.process import BaseProcess
from typing import Any

from django import db
from django.conf import settings
from django_q import cluster as library
from django_q import pusher as library_pusher
from django_q.brokers import orm as library_broker
from django_q.signals import post_spawn

from predictions.files import opening
from predictions.running import calls, hints, kin, leash

LOCK_PATIENCE_S = 0.05
DATABASE_PATIENCE_S = 0.5
TASKS = "predictions.running.tasks"
_TIMED_OUT = 0
_RECYCLED = -2


class Sentinel(library.Sentinel):
    """Guards workers, pusher and monitor; ends them all, and itself, when one of them cannot be replaced safely."""

    def start(self) -> None:
        """Runs in the sentinel's own process, and returns when the cluster has stopped."""
        kin.call_this_process("dr-sentinel")
        super().start()

    def spawn_monitor(self) -> BaseProcess:
        """Start the process that takes results."""
        return self.spawn_process(_monitor, self.result_queue, self.broker)

    def spawn_pusher(self) -> BaseProcess:
        """Start the process that fetches tasks."""
        return self.spawn_process(_pusher, self.task_queue, self.event_out, self.broker)

    def guard(self) -> None:
        """Look after the children until told to stop. Unlike the library's, it never waits for a dead child's lock."""
        self.start_event.set()
        while True:
            if not self.monitor.is_alive() or not self.pusher.is_alive():
                self._end_all("the monitor or the pusher died")
            for worker in list(self.pool):
                self._look(worker)
            if self.stop_event.wait(settings.Q_CLUSTER["guard_cycle"]):
                break
        self.stop()

    def _look(self, worker: BaseProcess) -> None:
        lock = worker.timer.get_lock()  # type: ignore[attr-defined]
        if not lock.acquire(timeout=LOCK_PATIENCE_S):
            # Alive: it is handing over a result, look again later. Dead: the lock is lost, and so is the result queue.
            if not worker.is_alive():
                self._end_all("a worker died while it handed over a result")
            return
        try:
            self._judge(worker, worker.timer.get_obj())  # type: ignore[attr-defined]
        finally:
            lock.release()

    def _judge(self, worker: BaseProcess, timer: Any) -> None:
        if timer.value == _TIMED_OUT:
            self._end_all("a task ran over its time")
        if not worker.is_alive():
            if timer.value <= 0 and int(timer.value) != _RECYCLED:
                self._end_all("an idle worker died")
            # Busy or recycled it held nothing that others need.
            db.connections.close_all()
            self.pool.remove(worker)
            self.spawn_worker()
            self.reincarnations += 1
        elif timer.value > 0:
            timer.value = max(_TIMED_OUT, timer.value - settings.Q_CLUSTER["guard_cycle"])

    def _end_all(self, why: str) -> None:
        library.logger.error("Cluster is started anew: %s", why)
        for child in (*self.pool, self.monitor, self.pusher):
            with contextlib.suppress(OSError):
                os.kill(child.pid, signal.SIGKILL)
        os._exit(1)


def _monitor(*args: Any) -> None:
    kin.call_this_process("dr-monitor")
    while True:
        try:
            library.monitor(*args)
        except db.DatabaseError as error:
            # What was not acknowledged is handed out again later, and every task is safe to run twice.
            library.logger.warning("A result could not be noted: %s", error)
            _wait_for_database()
        else:
            return


def _pusher(task_queue: Any, told_to_stop: Any, broker: Any) -> None:
    kin.call_this_process("dr-pusher")
    with contextlib.suppress(OSError):
        # Where the library looks into an empty queue after a pause, it looks at once when a hint comes.
        library_broker.sleep = hints.Ear(hints.WORK).wait
    # The library's pusher returns when told to stop, but also, ten seconds late, when the database failed once.
    library_pusher.sleep = lambda seconds: _wait_for_database()
    while not told_to_stop.is_set():
        library.pusher(task_queue, told_to_stop, broker)


def _wait_for_database() -> None:
    time.sleep(DATABASE_PATIENCE_S)
    db.close_old_connections()


def _worker_spawned(**kwargs: Any) -> None:
    kin.call_this_process("dr-worker")
    calls.keep()


def run(name: str) -> int:
    """Run the cluster that serves the queue `name` until SIGTERM or SIGINT; the exit code, 0 only after these.

    The environment must have named it in Q_CLUSTER_NAME before Django was set up, because the library reads it then.
    """
    if os.environ.get("Q_CLUSTER_NAME") != name:
        raise RuntimeError("Q_CLUSTER_NAME must be set before Django starts.")
    leash.arm()
    kin.call_this_process("dr-cluster")
    # Loaded once before the fork, not by each worker at its first task: sooner at work, and the memory is shared.
    importlib.import_module(TASKS)
    # Before the fork too, so that all workers share one.
    opening.start()
    library.Sentinel = Sentinel
    post_spawn.connect(_worker_spawned, dispatch_uid="predictions.running.cluster")
    cluster = _Cluster()
    cluster.start()
    while cluster.sentinel.is_alive():
        cluster.sentinel.join(1.0)
        opening.reap()
    return 0 if cluster.told_to_stop else 1


class _Cluster(library.Cluster):
    told_to_stop = False

    def sig_handler(self, signum: int, frame: object) -> None:
        """Only tell the sentinel; `run` waits for it. A signal before there is a sentinel ends the process."""
        self.told_to_stop = True
        if self.stop_event is None:
            os._exit(0)
        self.stop_event.set()
