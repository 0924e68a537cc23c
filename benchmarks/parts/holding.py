"""Holds beside bare INSERTs, from several client processes: threads of one would measure its interpreter's lock.

The control is an INSERT of the same row into a table without any other index, in a transaction of its own. "The raw
statements" are those of a hold by the bare driver, with nothing of Django's around them: the most that the design, an
UPDATE under a lock and a row that is checked and indexed, can give on the machine.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.harness import Process
from benchmarks.parts.money import FUNDS, HELD, sql

Call = Callable[[int, int], None]
_BARE = (
    "CREATE TABLE bare_entry (id {key}, account_id BIGINT NOT NULL, kind VARCHAR(16) NOT NULL, "
    "reference VARCHAR(64) NOT NULL, balance_delta BIGINT NOT NULL, held_delta BIGINT NOT NULL, "
    "balance_after BIGINT NOT NULL, held_after BIGINT NOT NULL, reason VARCHAR(300) NOT NULL, created_at {time})"
)
_INSERT = (
    "INSERT INTO bare_entry (account_id, kind, reference, balance_delta, held_delta, balance_after, held_after, "
    "reason, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, CURRENT_TIMESTAMP)"
)


@dataclass
class _Load:
    """What a stretch of calls came to."""

    times: list[float]
    took: float
    client_s: float
    server_s: float


def holds(connections: list[int], clients: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Holds and bare INSERTs a second by that many connections of so many processes, in turn."""
    from django.db import connection

    from accounts.models import Account

    postgres = connection.vendor == "postgresql"
    sql(
        _BARE.format(
            key="BIGSERIAL PRIMARY KEY" if postgres else "INTEGER PRIMARY KEY AUTOINCREMENT",
            time="TIMESTAMPTZ" if postgres else "TEXT",
        )
    )
    Account.objects.bulk_create(Account(name=f"a{number}", balance=FUNDS) for number in range(1001))
    numbers = list(Account.objects.order_by("id").values_list("id", flat=True))

    def one(worker: int, turn: int) -> int:
        return numbers[0]

    def many(worker: int, turn: int) -> int:
        return numbers[1 + (worker * 37 + turn) % 1000]

    cases: dict[str, Call] = {
        "bare INSERT": _bare,
        "one account": lambda worker, turn: _hold(one(worker, turn), worker, turn),
        "one account, the raw statements": lambda worker, turn: _raw(one(worker, turn), worker, turn),
        "1,000 accounts": lambda worker, turn: _hold(many(worker, turn), worker, turn),
        "1,000 accounts, the raw statements": lambda worker, turn: _raw(many(worker, turn), worker, turn),
    }
    # The clients are forks of this process: none may find a connection of its own there.
    connection.close()
    found: dict[str, Any] = {}
    for of_all in connections:
        taken: dict[str, list[_Load]] = {name: [] for name in cases}
        for turn in range(rounds + 1):
            order = list(cases) if turn % 2 else list(reversed(cases))
            for name in order:
                load = _load(cases[name], of_all, min(clients, of_all), seconds)
                if turn:  # the first round warms up
                    taken[name].append(load)
        found[str(of_all)] = {name: _summed(loads) for name, loads in taken.items()}
    return found


def _summed(loads: list[_Load]) -> dict[str, Any]:
    times = sorted(one for load in loads for one in load.times)
    return {
        "rates": [len(load.times) / load.took for load in loads],
        "p50": statistics.median(times) * 1000,
        "p99": times[int((len(times) - 1) * 0.99)] * 1000,
        "client_us": [load.client_s / len(load.times) * 1e6 for load in loads],
        "server_us": [load.server_s / len(load.times) * 1e6 for load in loads],
    }


def _load(call: Call, connections: int, clients: int, seconds: float) -> _Load:
    """Calls for so long by that many connections, shared out to the clients."""
    fork = multiprocessing.get_context("fork")
    gate, answers = fork.Barrier(clients + 1), fork.SimpleQueue()
    share = [connections // clients + (number < connections % clients) for number in range(clients)]
    first = [sum(share[:number]) for number in range(clients)]
    processes = [
        fork.Process(target=_client, args=(call, first[number], share[number], seconds, gate, answers))
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    gate.wait(60)
    before, began = _of_server(), time.perf_counter()
    found = [answers.get() for _process in processes]
    took = time.perf_counter() - began
    for process in processes:
        process.join()
    return _Load(
        [one for times, _used in found for one in times],
        took,
        sum(used for _times, used in found),
        _of_server() - before,
    )


def _client(call: Call, first: int, threads: int, seconds: float, gate: Any, answers: Any) -> None:
    """One client process: so many threads with a connection each."""
    from django.db import connection

    ready = threading.Barrier(threads + 1)
    times: list[list[float]] = [[] for _n in range(threads)]
    end = [0.0]

    def work(number: int) -> None:
        connection.ensure_connection()
        ready.wait()
        ready.wait()
        turn = 0
        while (began := time.perf_counter()) < end[0]:
            call(first + number, turn)
            times[number].append(time.perf_counter() - began)
            turn += 1
        connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    gate.wait(60)
    used, end[0] = time.process_time(), time.perf_counter() + seconds
    ready.wait()
    for worker in workers:
        worker.join()
    answers.put(([one for mine in times for one in mine], time.process_time() - used))


def _of_server() -> float:
    """Processor seconds of the database's server so far; nothing where the database is a file."""
    if "BENCH_POSTMASTER" not in os.environ:
        return 0.0
    return Process(0, psutil.Process(int(os.environ["BENCH_POSTMASTER"]))).cpu()


def _hold(account_id: int, worker: int, turn: int) -> None:
    from django.db import transaction

    from accounts import credits

    with transaction.atomic():
        credits.hold(account_id, HELD, _reference(worker, turn))


def _bare(worker: int, turn: int) -> None:
    from django.db import connection

    params = [1, "hold", _reference(worker, turn), -HELD, HELD, FUNDS, HELD, ""]
    raw = connection.connection
    statement = _INSERT if connection.vendor == "postgresql" else _INSERT.replace("%s", "?")
    cursor = raw.cursor()
    cursor.execute(statement, params)
    cursor.close()


def _raw(account_id: int, worker: int, turn: int) -> None:
    from django.db import connection

    from accounts.credits import holds

    raw = connection.connection
    moving = [HELD, HELD, account_id, HELD]
    entry = [account_id, "hold", _reference(worker, turn), -HELD, HELD, "", None, None]
    if connection.vendor == "postgresql":
        import psycopg

        # Its own cursor, which has values travel apart from the SQL: Django's writes them into it.
        with psycopg.Cursor(raw) as cursor:
            cursor.execute(holds._hold_and_record(), [*moving, *entry], prepare=True)
            assert len(cursor.fetchall()) == 1
        return
    cursor = raw.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    balance, held, _limited = cursor.execute(holds._hold().replace("%s", "?"), moving).fetchone()
    cursor.execute(holds._record(timed=False).replace("%s", "?"), [*entry, balance, held])
    cursor.execute("COMMIT")
    cursor.close()


def _reference(worker: int, turn: int) -> str:
    return f"{worker}-{turn}-{time.time_ns()}"
