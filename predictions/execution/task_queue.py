"""Task queue (django-q2's table): enqueue, take and delete wake-ups.

The queue carries wake-ups, not work items: the prediction rows say what is due. A wake-up is written in the transaction
that makes a row due, so both exist or neither does. A lost one costs a second (the sweep wakes again), a duplicate
nothing. `processes/queue_workers.py` runs the tasks taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django_q.models import OrmQ
from django_q.signing import BadSignature, SignedPackage
from django_q.tasks import async_task

from core.clock import Now
from core.db.compiled_sql import server_bound
from core.db.pipeline import PreparedInsert, Statement
from core.db.prepared import PreparedValues
from core.db.prepared_writes import PreparedWrite
from core.jobs import wakeups

log = structlog.get_logger(__name__)
Kind = Literal["start", "collect", "cancel"]

SILENT_S = 100.0
"""Seconds without a heartbeat after which a worker counts as stuck: more than a task may take, less than `retry`."""
_PATHS: dict[str, str] = {
    "start": "predictions.tasks.start",
    "collect": "predictions.tasks.collect",
    "cancel": "predictions.tasks.cancel",
}
_CLUSTER = "work"
_PACKAGE_LIFE_S = 1.0
_SEEN = 4
"""Wake-ups read at once, as fallbacks where another worker takes the first."""
RETRY = timedelta(seconds=settings.Q_CLUSTER["retry"])
_DUE = {"key": _CLUSTER, "lock__lte": Now()}
_ENQUEUE = PreparedInsert(OrmQ, lock=Now)
_LOOK = PreparedValues(
    lambda: OrmQ.objects.filter(**_DUE).order_by("pk").values_list("pk", "payload")[:_SEEN]
)
_TAKE = PreparedWrite(lambda pk: (OrmQ.objects.filter(pk=pk, **_DUE), {"lock": Now() + RETRY}))
_DELETE = PreparedWrite(lambda pk: (OrmQ.objects.filter(pk=pk), {}))


@dataclass(frozen=True)
class Taken:
    """The result of one `take`."""

    task: dict[str, Any] | None
    """A task in django-q2's format, with the row's primary key as `ack_id`. None where there was none to take."""
    more: bool
    """Whether more were due."""


NOTHING = Taken(None, more=False)


def wake(kind: Kind) -> None:
    """Enqueue a wake-up: something of that kind is due."""
    statement = wake_up(kind)
    with (
        transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS),
        server_bound(connections[DEFAULT_DB_ALIAS]) as cursor,
    ):
        cursor.execute(statement.sql, statement.params)
        cursor.fetchall()
    hint()


def hint() -> None:
    """Make workers on this machine check the queue right after commit, instead of at their next poll."""
    wakeups.send_on_commit(wakeups.WORK)


def wake_up(kind: Kind) -> Statement:
    """The INSERT of a wake-up, for a batch with the rows that it is about; call `hint` inside the transaction."""
    return _ENQUEUE.statement(OrmQ(key=_CLUSTER, payload=package(kind)))


def depth() -> int:
    """The number of wake-ups in the queue."""
    return OrmQ.objects.filter(key=_CLUSTER).count()


def take() -> Taken:
    """Take the oldest wake-up that is due. It is due again after `retry` seconds unless deleted before.

    Locks nothing while nothing is due. Unreadable wake-ups are deleted.
    """
    while found := _LOOK.all():
        for number, (pk, payload) in enumerate(found):
            # Another worker may have taken it since: the one whose conditional UPDATE matches has it.
            if _TAKE.run(pk=pk) and (task := _unpacked(pk, payload)) is not None:
                return Taken(task, more=number + 1 < len(found))
        if len(found) < _SEEN:
            break
    return NOTHING


def delete(pk: int) -> None:
    """Acknowledge a wake-up: its task has ended, well or not."""
    _DELETE.run(pk=pk)


@contextmanager
def without_wake_ups() -> Iterator[None]:
    """Delete the wake-ups that were enqueued inside the block, in its transaction: what they are about has ended.

    One of another process that goes with them costs a second, as any lost wake-up.
    """
    queued = OrmQ.objects.filter(key=_CLUSTER)
    newest = queued.order_by("-pk").values_list("pk", flat=True).first() or 0
    yield
    queued.filter(pk__gt=newest).delete()


def _unpacked(pk: int, payload: str) -> dict[str, Any] | None:
    try:
        task: dict[str, Any] = SignedPackage.loads(payload)
    except Exception as error:
        # Signed with another secret, or by another version of this program: no worker can ever read it.
        known = isinstance(error, (TypeError, BadSignature))
        log.error("wake_up_unreadable", row=pk, reason=type(error).__name__, exc_info=not known)
        delete(pk)
        return None
    return {**task, "cluster": _CLUSTER, "ack_id": pk}


class _Catcher:
    """A fake broker that captures the signed package that django-q2 makes of a task."""

    def __init__(self, list_key: str) -> None:
        self.list_key = list_key
        self.package = ""

    def enqueue(self, package: str) -> int:
        self.package = package
        return 0


def package(kind: Kind) -> str:
    """A signed wake-up of that kind; cached for a second, since all of a kind are equal."""
    made, signed = _packages.get(kind, (-_PACKAGE_LIFE_S, ""))
    if time.monotonic() - made >= _PACKAGE_LIFE_S:
        catcher = _Catcher(_CLUSTER)
        async_task(_PATHS[kind], cluster=_CLUSTER, task_name=kind, broker=catcher)
        signed = catcher.package
        _packages[kind] = (time.monotonic(), signed)
    return signed


_packages: dict[str, tuple[float, str]] = {}
