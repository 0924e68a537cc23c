"""The queue's table (django-q2's): who writes wake-ups into it, takes them and deletes them.

The queue carries wake-ups, not tickets: what is due stands in rows. A wake-up is written inside the transaction that
makes the row due, so both are there or neither is. A lost one costs a second (the sweep wakes again), a doubled one
nothing. `running/workers.py` runs what is taken.
"""

from __future__ import annotations

import time
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
from core.db.pipeline import PreparedInsert, Statement, server_bound
from core.db.prepared import PreparedValues
from core.db.prepared_writes import PreparedWrite
from core.jobs import wakeups

log = structlog.get_logger(__name__)
Kind = Literal["start", "collect", "cancel"]

SILENT_S = 100.0
"""Seconds without a sign of life after which a worker is stuck: more than a task may take, less than `retry`."""
_PATHS: dict[str, str] = {
    "start": "predictions.tasks.start",
    "collect": "predictions.tasks.collect",
    "cancel": "predictions.tasks.cancel",
}
_CLUSTER = "work"
_PACKAGE_LIFE_S = 1.0
_SEEN = 4
"""Wake-ups that are read at once: where another worker was quicker with the first there is a second one."""
RETRY = timedelta(seconds=settings.Q_CLUSTER["retry"])
_DUE = {"key": _CLUSTER, "lock__lte": Now()}
_ENQUEUE = PreparedInsert(OrmQ, lock=Now)
_LOOK = PreparedValues(
    lambda: OrmQ.objects.filter(**_DUE).order_by("pk").values_list("pk", "payload")[:_SEEN]
)
_TAKE = PreparedWrite(lambda pk: (OrmQ.objects.filter(pk=pk, **_DUE), {"lock": Now() + RETRY}), pk=int)
_DELETE = PreparedWrite(lambda pk: (OrmQ.objects.filter(pk=pk), {}), pk=int)


@dataclass(frozen=True)
class Taken:
    """What one look into the queue gave."""

    task: dict[str, Any] | None
    """django-q2's own form of a task, its row's key as `ack_id`. None where there was none to take."""
    more: bool
    """Whether others were due besides."""


NOTHING = Taken(None, more=False)


def wake(kind: Kind) -> None:
    """Tell the workers that something of that kind is due."""
    statement = wake_up(kind)
    with (
        transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS),
        server_bound(connections[DEFAULT_DB_ALIAS]) as cursor,
    ):
        cursor.execute(statement.sql, statement.params)
        cursor.fetchall()
    hint()


def hint() -> None:
    """Have those on this machine look as soon as the transaction is committed, instead of at their next time."""
    wakeups.send_on_commit(wakeups.WORK)


def wake_up(kind: Kind) -> Statement:
    """The same package as a statement, to be sent in a batch with what it tells of; `hint` inside the transaction."""
    return _ENQUEUE.statement(OrmQ(key=_CLUSTER, payload=package(kind)))


def depth() -> int:
    """Wake-ups that no worker took yet."""
    return OrmQ.objects.filter(key=_CLUSTER).count()


def take() -> Taken:
    """Take the oldest wake-up that is due. It is due again after `retry` seconds, unless it is deleted meanwhile.

    Nothing is locked while nothing is due. One that cannot be read is deleted.
    """
    while found := _LOOK.all():
        for number, (pk, payload) in enumerate(found):
            # Another worker may have taken it since. One row, changed once: whoever changes it has it.
            if _TAKE.run(pk=pk) and (task := _unpacked(pk, payload)) is not None:
                return Taken(task, more=number + 1 < len(found))
        if len(found) < _SEEN:
            break
    return NOTHING


def delete(pk: int) -> None:
    """Acknowledge a wake-up: its task has ended, well or not."""
    _DELETE.run(pk=pk)


def _unpacked(pk: int, payload: str) -> dict[str, Any] | None:
    try:
        task: dict[str, Any] = SignedPackage.loads(payload)
    except Exception as error:
        # Signed with another secret, or by another version of this program: no worker will ever read it.
        known = isinstance(error, (TypeError, BadSignature))
        log.error("wake_up_unreadable", row=pk, reason=type(error).__name__, exc_info=not known)
        delete(pk)
        return None
    return {**task, "cluster": _CLUSTER, "ack_id": pk}


class _Catcher:
    """Stands in for a broker: keeps the signed package that the library makes of a task."""

    def __init__(self, list_key: str) -> None:
        self.list_key = list_key
        self.package = ""

    def enqueue(self, package: str) -> int:
        self.package = package
        return 0


def package(kind: Kind) -> str:
    """A signed wake-up of that kind. All of a kind say the same, so one is made a second."""
    made, signed = _packages.get(kind, (-_PACKAGE_LIFE_S, ""))
    if time.monotonic() - made >= _PACKAGE_LIFE_S:
        catcher = _Catcher(_CLUSTER)
        async_task(_PATHS[kind], cluster=_CLUSTER, task_name=kind, broker=catcher)
        signed = catcher.package
        _packages[kind] = (time.monotonic(), signed)
    return signed


_packages: dict[str, tuple[float, str]] = {}
