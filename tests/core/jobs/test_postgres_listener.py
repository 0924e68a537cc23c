"""Hints between machines: each hears what the other commits, by the database, and none hears its own twice."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection, connections, transaction

from core.jobs import postgres_listener, wakeups
from predictions.models import Beat
from predictions.processes import due_times, heartbeat
from tests.servers import pgbouncer
from tests.servers.installations import eventually
from tests.support.source_rules import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

LONG_S = 60.0
ELSEWHERE = """
import sys, threading, django
django.setup()
from core.jobs import postgres_listener, wakeups
from predictions.processes import heartbeat
ear = wakeups.Listener(wakeups.ENDED)
told = [threading.Event(), heartbeat.other_machines_alive]
threading.Thread(target=postgres_listener.run, args=told, daemon=True).start()
while True:
    for what in ear.wait(60):
        print(what, flush=True)
"""
TELLS = """
import django
django.setup()
from django.db import transaction
from core.jobs import wakeups
wakeups.mark(wakeups.OTHER_MACHINES, is_set=True)
with transaction.atomic():
    wakeups.send_on_commit(wakeups.ENDED, "from elsewhere")
"""


@pytest.fixture(autouse=True)
def data(settings: LazySettings, tmp_path: Path) -> Path:
    """A data folder of its own."""
    settings.DATA = tmp_path / "here"
    settings.DATA.mkdir()
    return tmp_path


@pytest.fixture
def postgresql() -> str:
    """The address of the tests' own database."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is on one machine")
    name = connection.settings_dict["NAME"]
    return os.environ["DARKROOM_DATABASE_URL"].replace("/darkroom?", f"/{name}?")


@contextlib.contextmanager
def listening() -> Iterator[threading.Event]:
    stop = threading.Event()

    def run() -> None:
        postgres_listener.run(stop, heartbeat.other_machines_alive)
        connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def environment(data: Path, url: str) -> dict[str, str]:
    """Of a process on another machine: one with another folder of data."""
    folder = data / "there"
    folder.mkdir(exist_ok=True)
    return {
        **os.environ, "DARKROOM_DATA": str(folder), "DARKROOM_DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip


def test_what_is_committed_here_is_heard_on_another_machine(data: Path, postgresql: str) -> None:
    own = wakeups.Listener(wakeups.ENDED)
    with (
        listening(),
        subprocess.Popen(
            [sys.executable, "-c", ELSEWHERE], cwd=ROOT, env=environment(data, postgresql),
            stdout=subprocess.PIPE, text=True,
        ) as there,
    ):  # fmt: skip
        try:
            eventually(lambda: wakeups.has_mark(wakeups.OTHER_MACHINES) and wakeups.are_complete(), LONG_S)
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                wakeups.send_on_commit(wakeups.ENDED, "rolled back")
                raise ZeroDivisionError
            with transaction.atomic():
                wakeups.send_on_commit(wakeups.ENDED, "one", "two", "one")
                assert own.wait(0.0) == []
            assert there.stdout is not None
            assert [there.stdout.readline().strip() for _ in range(2)] == ["one", "two"]
            assert own.wait(LONG_S) == ["one", "two"]
            # Notifications of this machine's own are not forwarded.
            assert own.wait(0.5) == []
        finally:
            there.kill()
        own.close()


def test_what_is_committed_on_another_machine_is_heard_here(data: Path, postgresql: str) -> None:
    own = wakeups.Listener(wakeups.ENDED)
    with listening():
        lock = wakeups.lock_file()
        eventually(lock.exists, LONG_S)
        heard: list[str] = []

        def is_heard() -> bool:
            subprocess.run(
                [sys.executable, "-c", TELLS], cwd=ROOT, env=environment(data, postgresql), check=True
            )
            heard.extend(own.wait(1.0))
            return bool(heard)

        eventually(is_heard, LONG_S)
    assert set(heard) == {"from elsewhere"}
    own.close()


def test_nothing_is_sent_where_nobody_else_listens(
    postgresql: str, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        wakeups.send_on_commit(wakeups.ENDED, "alone")


def test_one_process_of_a_machine_listens(postgresql: str) -> None:
    with listening(), postgres_listener._machine_lock():
        pass
    with listening():

        def is_taken() -> bool:
            with postgres_listener._machine_lock() as is_mine:
                return not is_mine

        eventually(is_taken, LONG_S)


def test_behind_a_pooler_it_looks_more_often_while_others_work(
    data: Path, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        with pgbouncer.running(postgresql) as url:
            program = (
                "import threading, django; django.setup()\n"
                "from core.jobs import postgres_listener\n"
                "from predictions.processes import heartbeat\n"
                "postgres_listener.run(threading.Event(), heartbeat.other_machines_alive)\n"
            )
            Beat.objects.create(kind="sweep", instance="another machine")
            with subprocess.Popen(
                [sys.executable, "-c", program], cwd=ROOT, env=environment(data, url)
            ) as there:
                try:
                    folder = data / "there" / "hints"
                    eventually(lambda: list(folder.glob("lock.*")), LONG_S)
                    time.sleep(3.0)
                    assert not list(folder.glob("hears.*"))
                    Beat.objects.all().delete()
                    eventually(lambda: list(folder.glob("hears.*")), LONG_S)
                finally:
                    there.kill()
    except pgbouncer.NoPgbouncer as missing:
        pytest.skip(str(missing))


def test_where_others_cannot_be_heard_the_sleep_is_short() -> None:
    is_many = connection.vendor == "postgresql"
    assert due_times.longest() == (due_times.LONGEST_WITH_OTHERS_S if is_many else due_times.LONGEST_S)
    wakeups.mark(wakeups.LISTENING, is_set=True)
    assert due_times.longest() == due_times.LONGEST_S
    wakeups.mark(wakeups.LISTENING, is_set=False)
    assert due_times.longest() == (due_times.LONGEST_WITH_OTHERS_S if is_many else due_times.LONGEST_S)


def test_what_is_too_long_for_one_notification_goes_in_several() -> None:
    whats = [f"{number:026}" for number in range(1000)]
    parts = list(wakeups._parts([*whats, *whats]))
    assert [one for part in parts for one in part.split(",")] == whats
    assert max(map(len, parts)) < 8_000 - 64
