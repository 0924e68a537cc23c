"""Money under load in a process of its own: `python -m benchmarks.parts.money holds|statement|audit` prints JSON.

Rows by the million are made by SQL, as the application itself would have written them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import psutil

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")
os.environ["DARKROOM_PROCESS_ROLE"] = "work"

FUNDS = 10**15
HELD = 1000
_COLUMNS = (
    "(account_id, kind, reference, balance_delta, held_delta, captured, released, balance_after, held_after, reason, "
    "created_at)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["holds", "statement", "audit"])
    parser.add_argument("--connections", default="1,32")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=1)
    given = parser.parse_args()
    import django

    with redirect_stdout(sys.stderr):
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        if given.part == "holds":
            from benchmarks.parts import holding

            connections = [int(one) for one in given.connections.split(",")]
            found = holding.holds(connections, given.clients, given.rounds, given.seconds)
        elif given.part == "statement":
            found = statement(given.rows, given.rounds)
        else:
            found = audit(given.rows, given.accounts)
    json.dump(found, sys.stdout)


def sql(statement: str, *values: Any) -> Any:
    """Run a statement of this benchmark's own; its rows where it has any."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None


def fill(rows: int, accounts: int) -> None:
    """A grant for each account, then holds and settlements in turn, as `accounts.credits` would have written them."""
    from django.db import connection

    from accounts.models import Account

    ledger = "accounts_ledgerentry"
    Account.objects.bulk_create(
        [Account(name=f"a{number}") for number in range(accounts - Account.objects.count())], batch_size=1000
    )
    first = Account.objects.order_by("id").values_list("id", flat=True)[0]
    indexes = _without_indexes()
    postgres = connection.vendor == "postgresql"
    reference = (
        "to_hex((j * 2654435761) % 4294967296)" if postgres else "printf('%x', (j * 2654435761) % 4294967296)"
    )
    now = "now()" if postgres else "strftime('%Y-%m-%d %H:%M:%f001', 'now')"
    sql(
        f"INSERT INTO {ledger} {_COLUMNS} SELECT id, 'grant', 'grant-' || id, {FUNDS}, 0, NULL, NULL, {FUNDS}, 0, '', "
        f"{now} FROM accounts_account ORDER BY id"
    )
    portion = 500_000
    for low in range(0, rows // 2, portion):
        high = min(low + portion, rows // 2)
        counted = f"SELECT {low} UNION ALL SELECT j + 1 FROM n WHERE j < {high - 1}"
        numbers = (
            f"generate_series({low}::bigint, {high - 1}) AS j"
            if postgres
            else f"(WITH RECURSIVE n(j) AS ({counted}) SELECT j FROM n)"
        )
        after = f"{FUNDS} - {HELD} * (j / {accounts} + 1)"
        both = (
            f"SELECT j, 0 AS k, {first} + j % {accounts} AS a, 'hold' AS kind, -{HELD} AS b, {HELD} AS h, "
            f"NULL::bigint AS c, NULL::bigint AS r, {after} AS after, {HELD} AS ha FROM {numbers} UNION ALL "
            f"SELECT j, 1, {first} + j % {accounts}, 'settle', 0, -{HELD}, {HELD}, 0, {after}, 0 FROM {numbers}"
        )
        if not postgres:
            both = both.replace("NULL::bigint", "NULL")
        sql(
            f"INSERT INTO {ledger} {_COLUMNS} SELECT a, kind, {reference}, b, h, c, r, after, ha, '', {now} "
            f"FROM ({both}) AS pairs ORDER BY j, k"
        )
    for one in indexes:
        sql(one)
    sql(
        f"UPDATE accounts_account SET balance = (SELECT balance_after FROM {ledger} l WHERE l.account_id = "
        "accounts_account.id ORDER BY l.id DESC LIMIT 1)"
    )
    if postgres:
        sql("ANALYZE")
        sql("CHECKPOINT")


def _without_indexes() -> list[str]:
    """Drop the ledger's indexes that are no constraint; the statements that make them again."""
    from django.db import connection

    if connection.vendor == "postgresql":
        found = sql(
            "SELECT i.indexname, i.indexdef FROM pg_indexes i LEFT JOIN pg_constraint c ON c.conname = i.indexname "
            "WHERE i.tablename = 'accounts_ledgerentry' AND c.conname IS NULL"
        )
    else:
        found = sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'accounts_ledgerentry' "
            "AND sql IS NOT NULL"
        )
    for name, _made in found:
        sql(f'DROP INDEX "{name}"')
    return [made for _name, made in found]


def statement(rows: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of pages of the statement of one account with that many rows, the first to the last."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from accounts import credits
    from accounts.credits.statement import Filters, lines, page
    from accounts.models import User
    from core import pagination

    # Names of static files as they are: nothing was collected here.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    user = User.objects.create_user("bench", "bench@example.org", "not used")
    fill(rows, 1)
    account = user.account
    assert account is not None
    account.refresh_from_db()
    for number in range(20):
        credits.redeem(account, 1, reference=f"few-{number}")
    newest, oldest = sql("SELECT MAX(id), MIN(id) FROM accounts_ledgerentry")[0]
    middle = pagination.encode((newest + oldest) // 2)
    last = pagination.encode(oldest + 40)
    client = Client()
    client.force_login(user)

    def bare() -> None:
        raw = connection.connection.cursor()
        raw.execute(
            f"SELECT * FROM accounts_ledgerentry WHERE account_id = {account.pk} ORDER BY id DESC LIMIT 51"
        )
        assert len(raw.fetchall()) == 51
        raw.close()

    def of(filters: Filters, cursor: str = "") -> Callable[[], None]:
        def read() -> None:
            assert list(lines(page(account, filters, cursor).rows))

        return read

    def whole(words: str) -> Callable[[], None]:
        def get() -> None:
            answer = client.get(f"/account/{words}", HTTP_HOST="localhost")
            assert answer.status_code == 200, answer.status_code

        return get

    cases: dict[str, Callable[[], None]] = {
        "bare SELECT": bare,
        "the first page": of(Filters()),
        "a page in the middle": of(Filters(), middle),
        "the last page": of(Filters(), last),
        "one kind, half of the rows": of(Filters(kind="settle")),
        "one kind, 20 of the rows": of(Filters(kind="redeem")),
        "the whole first page in HTML": whole(""),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, case in cases.items():
            began = time.perf_counter()
            for _n in range(20):
                case()
            if turn:
                times[name].append((time.perf_counter() - began) / 20 * 1000)
    return times


def audit(rows: int, accounts: int) -> dict[str, Any]:
    """The whole audit of the ledger, one after a row was changed, and one from where the last was content."""
    began = time.perf_counter()
    fill(rows, accounts)
    made = time.perf_counter() - began
    from django.db.models import Max

    from accounts.audit import checks as accounts_audit
    from accounts.models import LedgerEntry

    # So old that the audit takes them for settled, as nearly all of such a ledger are.
    memory = _memory()
    found: dict[str, Any] = {"rows": f"{LedgerEntry.objects.count():,}", "made in, s": round(made)}
    server = psutil.Process(int(os.environ["BENCH_POSTMASTER"])) if "BENCH_POSTMASTER" in os.environ else None
    watched = _Watch(server)
    with watched:
        began = time.perf_counter()
        breaches = list(accounts_audit.breaches())
        found["the whole audit, s"] = round(time.perf_counter() - began, 1)
    assert not breaches, breaches[:3]
    found["memory before, MiB"] = round(memory)
    found["memory at most, MiB"] = round(_peak())
    if server is not None:
        found["the server's own at most, MiB"] = round(watched.most)
    middle = (LedgerEntry.objects.aggregate(last=Max("id"))["last"] or 0) // 2
    sql("UPDATE accounts_ledgerentry SET balance_after = balance_after + 1 WHERE id = %s", middle)
    began = time.perf_counter()
    changed = list(accounts_audit.breaches())
    found["with one row changed, s"] = round(time.perf_counter() - began, 1)
    found["found of it"] = len(changed)
    assert changed, "a changed row was not found"
    sql("UPDATE accounts_ledgerentry SET balance_after = balance_after - 1 WHERE id = %s", middle)
    _forget_age()
    began = time.perf_counter()
    assert not list(accounts_audit.breaches(quick=True))
    found["a quick one afterwards, s"] = round(time.perf_counter() - began, 1)
    return found


def _forget_age() -> None:
    """Note the mark that an audit of old rows would have noted."""
    from django.db.models import Max

    from accounts.models import AuditMark, LedgerEntry

    last = LedgerEntry.objects.aggregate(last=Max("id"))["last"]
    AuditMark.objects.update_or_create(name="ledger", defaults={"upto": last - 10_000})


def _memory() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Watch:
    """The most private memory that any process of the database's server had meanwhile."""

    def __init__(self, server: psutil.Process | None) -> None:
        self.most, self._server, self._stop = 0.0, server, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        if self._server is not None:
            self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stop.set()

    def _look(self) -> None:
        assert self._server is not None
        while not self._stop.wait(0.5):
            for one in self._server.children(recursive=True):
                try:
                    info = one.memory_info()
                except psutil.Error:
                    continue
                self.most = max(self.most, (info.rss - info.shared) / 2**20)


if __name__ == "__main__":
    main()
