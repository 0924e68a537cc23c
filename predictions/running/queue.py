"""The only door to the queue (django-q2). The queue carries wake-ups, not tickets: what is due stands in rows.

A wake-up is written inside the transaction that makes the row due, so both are there or neither is. A lost one costs a
second (the sweep wakes again), a doubled one nothing.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signals import post_execute
from django_q.tasks import async_task

from accounts.statements import PreparedInsert, Statement
from predictions.running import hints

Kind = Literal["start", "collect", "cancel"]

BEAT_EVERY_S = 1.0
_PATHS: dict[str, str] = {
    "start": "predictions.running.tasks.start",
    "collect": "predictions.running.tasks.collect",
    "cancel": "predictions.running.tasks.cancel",
    "beat": "predictions.running.tasks.beat",
}
_CLUSTER = "work"
_PACKAGE_LIFE_S = 1.0
_ENQUEUE = PreparedInsert(OrmQ)


def wake(kind: Kind) -> None:
    """Tell the workers that something of that kind is due."""
    OrmQ.objects.create(key=_CLUSTER, payload=_package(kind), lock=timezone.now())
    hint()


def hint() -> None:
    """Have those on this machine look as soon as the transaction is committed, instead of at their next time."""
    transaction.on_commit(partial(hints.give, hints.WORK))


def wake_up(kind: Kind) -> Statement:
    """The same package as a statement, to be sent in a batch with what it tells of; `hint` inside the transaction."""
    return _ENQUEUE.statement(OrmQ(key=_CLUSTER, payload=_package(kind), lock=timezone.now()))


def knock(cluster: str) -> None:
    """Ask a cluster for a sign of life: its beat proves broker, pusher, worker, results and monitor together."""
    if not OrmQ.objects.filter(key=cluster)[:200].count() >= 200:
        _enqueue("beat", cluster)


def depth(cluster: str = _CLUSTER) -> int:
    """Wake-ups that no worker took yet."""
    return OrmQ.objects.filter(key=cluster).count()


def _enqueue(kind: str, cluster: str) -> None:
    async_task(_PATHS[kind], cluster=cluster, task_name=kind)


class _Catcher:
    """Stands in for a broker: keeps the signed package that the library makes of a task."""

    def __init__(self, list_key: str) -> None:
        self.list_key = list_key
        self.package = ""

    def enqueue(self, package: str) -> int:
        self.package = package
        return 0


def _package(kind: Kind) -> str:
    """A signed wake-up of that kind. All of a kind say the same, so one is made a second."""
    made, package = _packages.get(kind, (-_PACKAGE_LIFE_S, ""))
    if time.monotonic() - made >= _PACKAGE_LIFE_S:
        catcher = _Catcher(_CLUSTER)
        async_task(_PATHS[kind], cluster=_CLUSTER, task_name=kind, broker=catcher)
        package = catcher.package
        _packages[kind] = (time.monotonic(), package)
    return package


_packages: dict[str, tuple[float, str]] = {}


_last_beat = 0.0


def _executed(sender: str, task: dict[str, Any], **kwargs: Any) -> None:
    """Runs in the cluster's monitor after result and acknowledgement."""
    global _last_beat
    from predictions.running.beats import beat

    if time.monotonic() - _last_beat < BEAT_EVERY_S:
        return
    _last_beat = time.monotonic()
    cluster = task.get("cluster") or _CLUSTER
    beat(f"cluster-{cluster}")


def connect() -> None:
    """Connect the beat; called once when the app is ready."""
    post_execute.connect(_executed, dispatch_uid="predictions.running.queue.beat")
