"""Queue workers: each wake-up is taken once, also while the database is unavailable."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, OperationalError
from django_q.models import OrmQ

from core.clock import Now
from core.processes import programs
from predictions.execution import task_queue
from predictions.processes import queue_workers
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_wake_up_is_taken_once_however_many_ask() -> None:
    for _ in range(40):
        task_queue.wake("cancel")

    def take_all() -> list[int]:
        found = []
        while (taken := task_queue.take()).task is not None:
            found.append(int(taken.task["ack_id"]))
        return found

    taken = [pk for pks in races.together([take_all] * 6) for pk in pks]
    assert sorted(taken) == sorted(OrmQ.objects.values_list("pk", flat=True))


class Away:
    """A deed that fails so often before it succeeds."""

    def __init__(self, times: int, error: type[Exception], deed: Callable[..., Any]) -> None:
        self.left, self._error, self._deed = times, error, deed

    def __call__(self, *given: Any) -> Any:
        if self.left:
            self.left -= 1
            raise self._error("the server closed the connection unexpectedly")
        return self._deed(*given)


@contextlib.contextmanager
def opened() -> Iterator[queue_workers.Shared]:
    """What a worker that was started alone has."""
    with queue_workers.descriptors() as made, contextlib.closing(queue_workers.Shared(*made)) as shared:
        yield shared


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[queue_workers._Rows]:
    """What django-q2's worker asks, in this process."""
    monkeypatch.setattr(queue_workers, "DATABASE_RETRY_S", 0.0)
    with opened() as shared:
        yield queue_workers._Rows(shared)


@pytest.mark.parametrize("error", [OperationalError, DatabaseError])
def test_a_worker_asks_again_until_the_database_is_back(
    rows: queue_workers._Rows, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    take, delete = Away(5, error, task_queue.take), Away(5, error, task_queue.delete)
    monkeypatch.setattr(task_queue, "take", take)
    monkeypatch.setattr(task_queue, "delete", delete)
    task_queue.wake("cancel")
    task = rows.get()
    assert isinstance(task, dict)
    assert task["ack_id"] == OrmQ.objects.get().pk
    rows.put({**task, "result": None, "success": True})
    assert not OrmQ.objects.exists()
    assert (take.left, delete.left) == (0, 0)


def test_a_worker_that_is_told_to_stop_waits_for_no_database(
    rows: queue_workers._Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take() -> task_queue.Taken:
        rows.stop(signal.SIGTERM, None)
        raise OperationalError("gone")

    monkeypatch.setattr(task_queue, "take", take)
    assert rows.get() == "STOP"


# -- hints, looks and signs ----------------------------------------------------------------------------------


def test_a_folder_in_which_no_hint_can_be_heard_only_makes_it_look_more_often(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.DATA = tmp_path / ("x" * 120)
    with opened() as shared:
        assert not shared.hears
        rows = queue_workers._Rows(shared)
        beside = races.Beside(partial(task_queue.wake, "cancel"))
        beside.start()
        task = rows.get()
        assert isinstance(task, dict)
        beside.end()


def test_after_what_no_hint_told_of_they_look_more_often(
    rows: queue_workers._Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A hint that comes tells nothing of those that do not.
    task_queue.wake("cancel")
    assert isinstance(rows.get(), dict)
    usual = rows._pause()

    def written_meanwhile(seconds: float) -> bool:
        OrmQ.objects.create(key="work", payload=task_queue.package("cancel"), lock=Now())
        rows._shared.note(queue_workers._LOOK)
        monkeypatch.setattr(rows._shared, "is_due", lambda which, seconds: True)
        return False

    monkeypatch.setattr(rows, "_hear", written_meanwhile)
    assert isinstance(rows.get(), dict)
    monkeypatch.undo()
    assert rows._pause() == queue_workers.FAST_POLL_S <= usual


def test_one_of_those_that_wait_looks_for_all() -> None:
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(queue_workers.descriptors())
        one, other = (stack.enter_context(contextlib.closing(queue_workers.Shared(*made))) for _ in range(2))
        assert one.is_due(0, 60.0) and other.is_due(0, 60.0)
        one.note(0)
        assert not other.is_due(0, 60.0)
        assert other.is_due(1, 60.0)
        assert other.is_due(0, 0.0)


def test_a_worker_gives_signs_of_life_at_each_turn(
    rows: queue_workers._Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, given = os.pipe()
    os.set_blocking(given, False)
    monkeypatch.setenv(programs.LIVENESS_VARIABLE, str(given))
    task_queue.wake("cancel")
    task = rows.get()
    assert isinstance(task, dict)
    assert os.read(heard, 100)
    rows.put({**task, "result": None, "success": True})
    assert os.read(heard, 100)
    os.close(heard)
    # Nobody reads any more.
    programs.report_alive()
    os.close(given)
