"""The connections of a web process whose PostgreSQL was restarted: whoever asks after it meets none of before."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import NoPostgres, Postgres
from tests.runner.sampling import short_or_whole
from tests.servers.installations import Installation
from tests.support.source_rules import ROOT

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
THREADS = 24
"""More than there are connections, so that each of them is used."""
WEB = """
import json, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.db import connection
from config.health import components, probes

def ask(number):
    together.wait(60)
    try:
        # As a request does, which gives its connection back at its end.
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "ok"
    except Exception as error:
        return type(error).__name__
    finally:
        connection.close()

def probe():
    # The parts that need a migrated database are those of other tests.
    probes.PARTS = {"database": (probes._database,), "clock": probes.PARTS["clock"]}
    try:
        return probes._ready().body["status"], components.report()[1]["database"]["state"]
    finally:
        connection.close()

for line in sys.stdin:
    what, number = line.split()
    together = threading.Barrier(int(number))
    if what == "ask":
        with ThreadPoolExecutor(int(number)) as threads:
            said = list(threads.map(ask, range(int(number))))
    else:
        said = [probe() for _time in range(int(number))]
    print(json.dumps(said), flush=True)
"""


class Web:
    """A process with the pool of a web process, which asks when it is told to."""

    def __init__(self, data: Path, url: str) -> None:
        installation = Installation(
            data, url, DARKROOM_PROCESS_ROLE="web", DJANGO_SETTINGS_MODULE="config.settings"
        )
        data.mkdir(parents=True, exist_ok=True)
        self._log = data / "log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WEB],
                cwd=ROOT, env=installation.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        return self._log.read_text(errors="replace")

    def ask(self, number: int = THREADS) -> list[str]:
        """What so many threads that ask at once are told."""
        return list(self._told(f"ask {number}"))

    def probe(self, number: int = 1) -> list[list[str]]:
        """What so many probes say, one after the other: `/readyz`, and the database's part in `/health`."""
        return list(self._told(f"probe {number}"))

    def _told(self, line: str) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        states_fd = self.process.stdout.readline()
        assert states_fd, self.log[-3000:]
        return json.loads(states_fd)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    try:
        server = Postgres()
    except NoPostgres as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


@pytest.fixture(scope="module")
def web(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One for all tests here: each leaves it with its database there."""
    web = Web(tmp_path_factory.mktemp("web") / "data", postgres.url)
    try:
        yield web
    finally:
        web.process.kill()
        web.process.communicate()


def test_the_first_question_of_every_thread_is_answered(web: Web, postgres: Postgres) -> None:
    for _round in range(short_or_whole(1, 3)):
        assert web.ask() == ["ok"] * THREADS
        postgres.restart()
        assert web.ask() == ["ok"] * THREADS, web.log[-3000:]
        postgres.restart()
        # One alone would meet all of them, one after the other.
        assert web.ask(1) == ["ok"], web.log[-3000:]


def test_it_is_ready_from_the_first_probe_on(web: Web, postgres: Postgres) -> None:
    assert web.ask() == ["ok"] * THREADS
    postgres.restart()
    assert [ready for ready, _healthy in web.probe(5)] == ["ok"] * 5, web.log[-3000:]


def test_after_a_long_absence_nobody_waits_for_the_pauses_of_before(web: Web, postgres: Postgres) -> None:
    assert web.ask() == ["ok"] * THREADS
    postgres.stop()
    try:
        for _time in range(2):
            # Each waits for as long as a request does: a pool pauses for longer by then, if it may.
            assert web.ask(1) == ["OperationalError"]
    finally:
        postgres.start()
    assert web.ask(1) == ["ok"], web.log[-3000:]


def test_an_absence_is_told_once_and_without_a_traceback(web: Web, postgres: Postgres) -> None:
    assert web.probe() == [["ok", "down"]]  # not migrated, which for the installation is as bad
    begin = len(web.log)
    postgres.stop()
    try:
        assert web.probe(2) == [["unavailable", "down"]] * 2
    finally:
        postgres.start()
    assert web.probe(2) == [["ok", "down"]] * 2
    log = web.log[begin:]
    assert "Traceback" not in log and "readiness_broke" not in log, log[-3000:]
    assert (log.count("not_ready"), log.count("ready_again")) == (2, 2), log[-3000:]
    assert web.log.count("health_database") == 1
