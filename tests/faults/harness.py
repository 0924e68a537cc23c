"""Fault harness: kills processes of a working installation at random, then checks that nothing was lost.

Five accounts send predictions over HTTP while every few seconds one random process dies by SIGKILL. In the end all
predictions must have ended, each once, each settled once, with an audit that finds nothing and no process left.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg

from tests.postgres import Postgres
from tests.runner.sampling import one_of, short_or_whole
from tests.servers.installations import Installation, eventually, run_installation

ACCOUNTS = 5
EVERY_KIND = (
    "web", "worker", "worker", "worker", "worker",
    "watcher", "sweep", "engine", "painters", "painter", "fork-server",
)  # fmt: skip
LIVE = ("starting", "processing")
WAKE_UP = "from predictions.execution import task_queue; answer = task_queue.package('cancel')"
"""For `Installation.python`: a signed package, which is good for any number of wake-ups."""
BODY = {
    "version": "stability-ai/stable-diffusion:ac732df83cea7fff18b8472768c88ad041fa750ff7682a21affe81863cbe77e4",
    "input": {
        "prompt": "a lighthouse on a cliff at dusk",
        "width": 128,
        "height": 128,
        "num_inference_steps": 20,
    },
}
SMALL: dict[str, Any] = {
    **BODY,
    "input": {"prompt": "a lighthouse", "width": 64, "height": 64, "num_inference_steps": 1},
}
"""One that is painted at once, for those who care only that it is."""
MAKE_ACCOUNTS = f"""
from accounts import credits
from accounts.tokens import api_tokens
from accounts.models import MICRO, User
from accounts.personal_accounts import ensure_account
answer = []
for number in range({ACCOUNTS}):
    user, _ = User.objects.get_or_create(username=f"member{{number}}")
    account = ensure_account(user)
    credits.grant(account, 1000 * MICRO, reason="faults", reference=f"faults-{{user.pk}}")
    answer.append(api_tokens.issue(user, "faults")[1])
"""


@dataclass
class Report:
    """What happened, and what is wrong with it."""

    killed: Counter[str] = field(default_factory=Counter)
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    """Which process was killed, and the seconds until a wake-up that was written then had been dealt with."""
    restart_s: float | None = None
    answered: int = 0
    unanswered: int = 0
    put_off: int = 0
    """Answers 503 ("nothing was charged; try again"), as they come while the database restarts; sent again."""
    ended: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """Why predictions failed, in the words of their owners' answers."""
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report for a person."""
        times = sorted(seconds for _, seconds in self.recoveries)
        slowest = sorted(self.recoveries, key=lambda pair: -pair[1])[:5]
        return [
            f"killed: {dict(self.killed)}",
            f"sent: {self.answered} answered, {self.unanswered} cut off by a kill, {self.put_off} put off by 503",
            f"ended: {dict(self.ended)}",
            *(f"  failed {number} times: {why}" for why, number in self.errors.items()),
            f"next task after a kill: median {times[len(times) // 2] if times else 0:.1f} s; slowest: "
            + ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in slowest),
            *(
                [f"next task after the restart of the database: {self.restart_s:.1f} s"]
                if self.restart_s
                else []
            ),
            *(f"WRONG: {line}" for line in self.wrong),
        ]


class Database:
    """Reads the installation's tables directly, on connections that survive a restart of the database."""

    def __init__(self, installation: Installation) -> None:
        self._url = installation.env.get("DARKROOM_DATABASE_URL", "")
        self._file = installation.data / "darkroom.sqlite3"

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises what the driver raises while the server is away."""
        if self._url:
            with psycopg.connect(self._url, connect_timeout=5) as connection:
                return connection.execute(sql.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self._file, timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def wake(self, package: str) -> int:
        """Write a wake-up as the product does, notification included; returns its key. `package`: see `WAKE_UP`."""
        written = "INSERT INTO django_q_ormq (key, payload, lock) VALUES ('work', {}, {}) RETURNING id"
        if self._url:
            with psycopg.connect(self._url, connect_timeout=5) as connection:
                row = connection.execute(written.format("%s", "now()").encode(), [package]).fetchone()
        else:
            with contextlib.closing(sqlite3.connect(self._file, timeout=20)) as connection, connection:
                row = connection.execute(written.format("?", "datetime('now')"), [package]).fetchone()
        assert row
        self._hint()
        return int(row[0])

    def _hint(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
            for ear in (self._file.parent / "hints").glob("work-*"):
                with contextlib.suppress(OSError):
                    mouth.sendto(b"", socket.MSG_DONTWAIT, str(ear))

    def is_dealt_with(self, wake_up: int) -> bool:
        """Whether a worker has taken that wake-up, run its task and deleted it."""
        return not self.rows(f"SELECT 1 FROM django_q_ormq WHERE id = {wake_up}")

    def set_back(self, column: str, where: str) -> None:
        """Set a time of those predictions back by a quarter of an hour, as if that had passed."""
        earlier = f"{column} - interval '15 minutes'" if self._url else f"datetime({column}, '-15 minutes')"
        statement = f"UPDATE predictions_prediction SET {column} = {earlier} WHERE {where}"
        if self._url:
            with psycopg.connect(self._url, connect_timeout=5) as connection:
                connection.execute(statement.encode())
            return
        with contextlib.closing(sqlite3.connect(self._file, timeout=20)) as connection, connection:
            connection.execute(statement)

    def statuses(self) -> Counter[str]:
        """The number of predictions by status."""
        rows = self.rows("SELECT status, count(*) FROM predictions_prediction GROUP BY status")
        return Counter({status: int(number) for status, number in rows})


class Faults:
    """One run over a started installation."""

    def __init__(
        self, installation: Installation, predictions: int, kills: Sequence[str], *, pause_s: float, seed: int
    ) -> None:
        self.installation = installation
        self.database = Database(installation)
        self.report = Report()
        self._predictions = predictions
        self._kills = list(kills)
        self._pause_s = pause_s
        self._chance = random.Random(seed)
        self._tokens: list[str] = installation.python(MAKE_ACCOUNTS)
        self._wake_up: str = installation.python(WAKE_UP)
        self._killing = True

    def run(self, postgres: Postgres | None = None, patience_s: float = 300) -> Report:
        """Send, kill, wait until all have ended, stop, and look for harm. `postgres` is restarted once half way."""
        self._chance.shuffle(self._kills)
        sender = threading.Thread(target=self._send_all, daemon=True)
        sender.start()
        for number, kind in enumerate(self._kills):
            if postgres and number == len(self._kills) // 2:
                self._restart(postgres)
            self._kill(kind)
            time.sleep(self._chance.uniform(0.5, 1.5) * self._pause_s)
        self._killing = False
        sender.join(timeout=120)
        self._wait_for_the_end(patience_s)
        self._check_for_harm()
        return self.report

    # -- load ------------------------------------------------------------------------------------------------
    def _send_all(self) -> None:
        """Spread over the time of the kills; what is left when they are over is sent at once."""
        gap = len(self._kills) * (self._pause_s + 1.0) / self._predictions
        for number in range(self._predictions):
            self._send(self._tokens[number % ACCOUNTS], number)
            if self._killing:
                time.sleep(gap)

    def _send(self, token: str, number: int) -> None:
        """One prediction. A connection that a kill cuts leaves open whether it was made: both are right, once."""
        body = {**BODY, "input": {**BODY["input"], "seed": number}}  # type: ignore[dict-item]
        try:
            while (answered := self.installation.request("/v1/predictions", body, token, timeout=60))[
                0
            ] == 503:
                self.report.put_off += 1
                time.sleep(1.0)
        except (OSError, http.client.HTTPException):
            self.report.unanswered += 1
            return
        status, answer = answered
        if status != 201:
            self.report.wrong.append(f"a request was answered {status}: {str(answer)[:200]}")
        self.report.answered += 1

    # -- harm ------------------------------------------------------------------------------------------------
    def _kill(self, kind: str) -> None:
        """Kill one, and wait until a task has gone all the way round since."""
        if self._strike(kind):
            self._await_task(kind)

    def _strike(self, kind: str) -> bool:
        """Kill one of them, as soon as there is one. Whether there was."""
        # A painter lives for a second or so: wait until there is one.
        victims = self._victims(kind)
        if not victims:
            with contextlib.suppress(AssertionError):
                victims = eventually(lambda: self._victims(kind), 20, pause_s=0.05)
        if not victims:
            self.report.wrong.append(f"there was no {kind} to kill")
            return False
        with contextlib.suppress(psutil.Error):
            self._chance.choice(victims).kill()
            self.report.killed[kind] += 1
        return True

    def _victims(self, kind: str) -> list[psutil.Process]:
        return self.installation.kinds().get(kind, [])

    def _await_task(self, kind: str) -> None:
        began = time.monotonic()
        wake_up = self.database.wake(self._wake_up)
        try:
            eventually(lambda: self.database.is_dealt_with(wake_up), 60)
        except AssertionError:
            self.report.wrong.append(f"no task for a minute after {kind} was killed")
        self.report.recoveries.append((kind, time.monotonic() - began))

    def _restart(self, postgres: Postgres) -> None:
        postgres.restart()
        began = time.monotonic()
        wake_up = self.database.wake(self._wake_up)
        eventually(lambda: self.database.is_dealt_with(wake_up), 90)
        self.report.restart_s = time.monotonic() - began

    # -- the end ---------------------------------------------------------------------------------------------
    def _wait_for_the_end(self, seconds: float) -> None:
        def ended() -> bool:
            statuses = self.database.statuses()
            return not any(statuses[status] for status in LIVE)

        try:
            eventually(ended, seconds)
        except AssertionError:
            self.report.wrong.append(f"predictions never ended: {dict(self.database.statuses())}")
        self.report.ended = self.database.statuses()
        failed = self.database.rows("SELECT error FROM predictions_prediction WHERE status = 'failed'")
        self.report.errors = Counter(error for (error,) in failed)

    def _check_for_harm(self) -> None:
        wrong, rows = self.report.wrong, self.database.rows
        made = sum(self.report.ended.values())
        sent = range(self.report.answered, self.report.answered + self.report.unanswered + 1)
        if made not in sent:
            wrong.append(f"{made} predictions were made, {sent.start} to {sent.stop - 1} were sent")
        unsettled = rows(
            "SELECT p.public_id, p.status, (SELECT count(*) FROM accounts_ledgerentry e"
            " WHERE e.reference = p.public_id AND e.kind = 'settle')"
            " FROM predictions_prediction p"
        )
        wrong += [
            f"{id} ({status}) was settled {times} times" for id, status, times in unsettled if times != 1
        ]
        empty = rows(
            "SELECT p.public_id, count(o.id) FROM predictions_prediction p LEFT JOIN predictions_output o"
            " ON o.prediction_id = p.id WHERE p.status = 'succeeded' GROUP BY p.public_id HAVING count(o.id) <> 1"
        )
        wrong += [f"{id} succeeded with {number} outputs" for id, number in empty]
        charged = rows(
            "SELECT p.public_id FROM predictions_prediction p JOIN accounts_ledgerentry e ON e.reference = p.public_id"
            " AND e.kind = 'settle' WHERE p.status <> 'succeeded' AND e.captured <> 0"
        )
        wrong += [f"{id} did not succeed and was charged" for (id,) in charged]
        wrong += self._audit()
        wrong += [f"process left after the stop: {one.pid}" for one in self.installation.stop()]

    def _audit(self) -> list[str]:
        done = self.installation.manage("audit", check=False)
        return [] if done.returncode == 0 else [f"audit: {line}" for line in done.stdout.splitlines()[-10:]]


def short(postgres: Postgres | None = None) -> None:
    """A worker and another process killed, and no harm done; on SQLite, or on the PostgreSQL that is restarted then.

    A run that tries everything kills one of each kind that matters.
    """
    kinds = ("web", "worker", "engine", "watcher", "sweep", "fork-server")
    kills = ("worker", *one_of(kinds))
    with run_installation(postgres.url if postgres else "") as one:
        report = Faults(one, short_or_whole(4, 14), kills, pause_s=1.5, seed=7).run(postgres)
        assert report.wrong == [], "\n".join([*report.lines(), one.log[-4000:]])
        assert sum(report.killed.values()) == len(kills)


def poison(installation: Installation, strike: Callable[[], int], patience_s: float = 600) -> tuple[Any, ...]:
    """Send one prediction and `strike` whenever it is in a worker's hands; its row once it has ended.

    `strike` answers how many it hit: at a claim that it missed it is asked again. A lease that was struck ends at once.

    The row: status, error, captured and released micro-credits, starts.
    """
    database = Database(installation)
    token = installation.python(MAKE_ACCOUNTS)[0]
    status, answer = installation.request("/v1/predictions", BODY, token)
    assert status == 201, answer
    state = f"SELECT phase, claim, status FROM predictions_prediction WHERE public_id = '{answer['id']}'"
    struck: set[str] = set()
    give_up = time.monotonic() + patience_s
    while (row := database.rows(state)[0])[2] in LIVE:
        assert time.monotonic() < give_up, f"it never ended: {row}"
        if row[0] == "claimed" and row[1] not in struck and strike():
            struck.add(row[1])
            database.set_back("lease_until", f"claim = '{row[1]}'")
        time.sleep(0.05)
    return database.rows(
        "SELECT p.status, p.error, e.captured, e.released, p.start_attempts FROM predictions_prediction p"
        " JOIN accounts_ledgerentry e ON e.reference = p.public_id AND e.kind = 'settle'"
        f" WHERE p.public_id = '{answer['id']}'"
    )[0]
