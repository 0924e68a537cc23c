"""Workers of the queue: real processes on the database of the tests, killed, frozen and kept from it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection, transaction
from django_q.models import Failure, OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from core.clock import Now
from core.jobs import wakeups
from predictions.execution import task_queue
from predictions.models import Beat
from tests.runner.sampling import one_in
from tests.servers.installations import eventually
from tests.support import queue_tasks
from tests.support.source_rules import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
WORKERS = 4
LONG_S = 120.0


class Crew:
    """`manage.py cluster` on the database of the tests."""

    def __init__(self, log: Path, **settings: str) -> None:
        self._log = log
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DARKROOM_TEST_DATABASE": str(connection.settings_dict["NAME"]),
            "DARKROOM_WORKERS": str(WORKERS),
            "DARKROOM_INSTANCE": "crew",
            **settings,
        }
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "cluster"], cwd=ROOT, env=self.env, stderr=file
            )

    @property
    def said(self) -> str:
        """What they wrote to standard error."""
        return self._log.read_text(errors="replace")

    def workers(self) -> list[psutil.Process]:
        """Those that are ready or busy."""
        found = []
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.Error):
                    if one.name() == "dr-worker" and one.status() != psutil.STATUS_ZOMBIE:
                        found.append(one)
        return found

    def whole(self, count: int = WORKERS) -> list[psutil.Process]:
        """All of them, once all are there."""

        def all_there() -> list[psutil.Process]:
            found = self.workers()
            return found if len(found) == count else []

        found: list[psutil.Process] = eventually(all_there, LONG_S, lambda: self.said[-3000:])
        return found

    def end(self) -> None:
        """Kill whatever is left."""
        with contextlib.suppress(psutil.Error):
            below = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            psutil.wait_procs(below, 30)
        self.process.wait()


@pytest.fixture(scope="module")
def started(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crew]:
    crew = Crew(tmp_path_factory.mktemp("crew") / "log")
    try:
        yield crew
    finally:
        crew.end()


@pytest.fixture
def crew(started: Crew) -> Crew:
    """All of them up; whom a test kills is replaced before the next."""
    started.whole()
    return started


@pytest.fixture
def marks(tmp_path: Path) -> Callable[[], list[int]]:
    """The process ids in the file that tasks of `tests/support/queue_tasks.py` write."""
    file = tmp_path / "marks"
    return lambda: [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.fixture
def send(tmp_path: Path) -> Callable[..., None]:
    """Put a task of `tests/support/queue_tasks.py` into the queue, with a hint as every wake-up has it."""

    def sent(name: str, *given: Any, **options: Any) -> None:
        async_task(
            f"tests.support.queue_tasks.{name}", str(tmp_path / "marks"), *given, cluster="work", **options
        )
        wakeups.send(wakeups.WORK)

    return sent


def is_empty() -> bool:
    return not OrmQ.objects.exists()


def all_done(crew: Crew) -> None:
    eventually(is_empty, LONG_S, lambda: crew.said[-3000:])


# -- what a worker does --------------------------------------------------------------------------------------


def test_a_wake_up_is_run_and_deleted_and_nothing_is_kept_of_it(crew: Crew) -> None:
    task_queue.wake("cancel")
    all_done(crew)
    assert not Failure.objects.exists()


def test_a_burst_reaches_every_worker(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    for _ in range(50):
        send("mark", 0.05)
    all_done(crew)
    assert len(marks()) == 50
    assert set(marks()) == {one.pid for one in crew.whole()}


def test_many_wake_ups_behind_one_hint_reach_every_worker(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    with transaction.atomic():
        for _ in range(4 * WORKERS):
            send("mark", 0.3)
    wakeups.send(wakeups.WORK)
    all_done(crew)
    assert len(marks()) == 4 * WORKERS
    assert set(marks()) == {one.pid for one in crew.whole()}


def test_a_wake_up_whose_hint_was_lost_is_found(crew: Crew) -> None:
    OrmQ.objects.create(key="work", payload=task_queue.package("cancel"), lock=Now())
    all_done(crew)


def test_one_for_later_is_left_alone_until_then(crew: Crew) -> None:
    row = OrmQ.objects.create(key="work", payload=task_queue.package("cancel"), lock=Now() + task_queue.RETRY)
    task_queue.wake("cancel")
    eventually(lambda: OrmQ.objects.count() == 1)
    OrmQ.objects.filter(pk=row.pk).update(lock=Now())
    all_done(crew)


def test_a_sign_of_life_is_written_while_nothing_is_to_do(crew: Crew) -> None:
    Beat.objects.all().delete()
    eventually(lambda: Beat.objects.filter(kind="cluster-work", instance="crew").exists())


# -- what they are killed at ---------------------------------------------------------------------------------


def test_the_others_go_on_where_an_idle_one_is_killed(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    before = crew.whole()
    before[0].kill()
    for _ in range(20):
        send("mark", 0.05)
    all_done(crew)
    assert len(marks()) == 20
    assert before[0].pid not in marks()
    assert {one.pid for one in before[1:]} <= {one.pid for one in crew.whole()}


def test_what_a_killed_one_had_taken_is_taken_again_and_the_others_go_on(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    before = crew.whole()
    send("mark", 30.0)
    [victim] = eventually(marks)
    psutil.Process(victim).kill()
    task_queue.wake("cancel")
    eventually(lambda: OrmQ.objects.count() == 1)
    assert {one.pid for one in before} - {victim} <= {one.pid for one in crew.whole()}
    # It is nobody's until `retry` is over.
    assert not OrmQ.objects.filter(lock__lte=Now()).exists()
    _be_due_with(send, marks)
    assert eventually(lambda: len(marks()) >= 2)


def _be_due_with(send: Callable[..., None], marks: Callable[[], list[int]]) -> None:
    """Let the time until it is due again be over; where it sleeps this time it is not waited for."""
    OrmQ.objects.update(lock=Now())
    wakeups.send(wakeups.WORK)
    eventually(lambda: len(marks()) >= 2)
    psutil.Process(marks()[-1]).kill()
    OrmQ.objects.all().delete()


def test_what_is_killed_as_it_acknowledges_is_done_again(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    before = crew.whole()
    send("mark_and_die_acknowledging")
    [victim] = eventually(marks)
    eventually(lambda: victim not in {one.pid for one in crew.workers()})
    assert OrmQ.objects.count() == 1
    OrmQ.objects.update(lock=Now())
    all_done(crew)
    assert len(marks()) == 2
    assert {one.pid for one in before} - {victim} <= {one.pid for one in crew.whole()}


def test_a_frozen_one_keeps_nobody_from_working(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    frozen = crew.whole()[0]
    frozen.suspend()
    try:
        for _ in range(20):
            send("mark")
        eventually(is_empty)
        assert frozen.pid not in marks()
    finally:
        frozen.resume()


def test_a_task_that_breaks_is_kept_as_a_failure_and_never_tried_again(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    before = crew.whole()
    send("mark_and_swallow", 0.0)
    all_done(crew)
    assert "on purpose" in Failure.objects.get().result
    assert len(marks()) == 1
    assert {one.pid for one in before} == {one.pid for one in crew.whole()}


def test_a_task_that_runs_over_its_time_ends_with_its_worker_and_is_never_tried_again(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    before = crew.whole()
    send("mark", 60.0, timeout=1)
    all_done(crew)
    [ended] = marks()
    eventually(lambda: ended not in {one.pid for one in crew.workers()})
    assert "exceeded maximum timeout" in Failure.objects.get().result
    assert {one.pid for one in before} - {ended} <= {one.pid for one in crew.whole()}


@pytest.mark.parametrize("payload", ["", "no package", "gAWVBQAAAAAAAAB9lC4:1wAAAA:bad-signature", None])
def test_a_package_that_nobody_can_read_is_deleted_and_the_next_is_run(
    crew: Crew, payload: str | None
) -> None:
    before = crew.whole()
    text = SignedPackage.dumps(queue_tasks.Gone()) if payload is None else payload
    for _ in range(6):
        OrmQ.objects.create(key="work", payload=text, lock=Now())
    task_queue.wake("cancel")
    all_done(crew)
    assert {one.pid for one in before} == {one.pid for one in crew.whole()}
    assert not Failure.objects.exists()


# -- the database is away ------------------------------------------------------------------------------------


def test_workers_whose_connections_break_lose_nothing(
    crew: Crew, send: Callable[..., None], marks: Callable[[], list[int]]
) -> None:
    before = crew.whole()
    for _ in range(3 * WORKERS):
        send("mark", 0.5)
    eventually(marks)
    with _away():
        pass
    all_done(crew)
    assert len(marks()) == 3 * WORKERS
    assert {one.pid for one in before} == {one.pid for one in crew.whole()}


@contextlib.contextmanager
def _away() -> Iterator[None]:
    """PostgreSQL ends all connections but ours; SQLite can be written by nobody else for a while."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        yield
        return
    with transaction.atomic():
        yield
        time.sleep(2.0)


# -- the end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preload", one_in(2, ["1", "0"]))
def test_a_task_under_way_is_ended_before_a_worker_stops_forked_or_a_program(
    started: Crew, send: Callable[..., None], marks: Callable[[], list[int]], tmp_path: Path, preload: str
) -> None:
    crew = started
    if preload == "0":
        started.end()
        # One that is busy and one that is idle.
        crew = Crew(tmp_path / "log", DARKROOM_PRELOAD="0", DARKROOM_WORKERS="2")
    try:
        crew.whole(WORKERS if preload == "1" else 2)
        send("mark", 2.0)
        eventually(marks)
        crew.process.terminate()
        assert crew.process.wait(60) == 0
        assert is_empty()
        assert crew.workers() == []
    finally:
        crew.end()
