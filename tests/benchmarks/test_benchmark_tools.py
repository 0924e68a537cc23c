"""What benchmarks measure with: the processes of a program, and the statements that they send."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.parts import installation, statements, tree
from tests.servers.installations import eventually

BUSY = "sum(range(3_000_000))"
PARENT = """
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(15, b"dr-parent", 0, 0, 0)
if os.fork() == 0:
    {busy}
    os._exit(0)
os.wait()
if os.fork() == 0:
    ctypes.CDLL(None).prctl(15, b"dr-child", 0, 0, 0)
    if os.fork():
        time.sleep(600)
    ctypes.CDLL(None).prctl(15, b"dr-grandchild", 0, 0, 0)
    time.sleep(600)
time.sleep(600)
"""
SENT = """
import os, sqlite3
connection = sqlite3.connect(":memory:", isolation_level=None)
connection.execute("CREATE TABLE one (number)")
connection.execute("CREATE TRIGGER two AFTER INSERT ON one WHEN new.number < 5 BEGIN "
                   "INSERT INTO one VALUES (new.number + 5); END")
connection.execute("BEGIN")
connection.execute("INSERT INTO one VALUES (1)")
connection.execute("COMMIT")
if os.fork() == 0:
    other = sqlite3.connect(":memory:")
    other.execute("SELECT 1")
    os._exit(0)
os.wait()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    """A program with a child, a grandchild, and a child that has worked and ended."""
    process = subprocess.Popen([sys.executable, "-c", PARENT.format(busy=BUSY)], preexec_fn=tree.keep_orphans)
    yield process
    for pid in tree.Tree(process.pid).pids():
        os.kill(pid, signal.SIGKILL)
    process.wait()


def test_a_tree_has_every_process_by_its_name_and_what_ended_ones_have_used(
    parent: subprocess.Popen[bytes],
) -> None:
    below = tree.Tree(parent.pid)
    eventually(lambda: set(below.names()) == {"parent", "child", "grandchild"})
    one = below.readings()[parent.pid]
    assert 0 < one.own < below.cpu()
    assert one.reaped > 0
    assert all(size > 0 for _, size in below.memory().values())


def test_orphans_stay_in_the_tree(parent: subprocess.Popen[bytes]) -> None:
    below = tree.Tree(parent.pid)
    eventually(lambda: "grandchild" in below.names())
    os.kill(below.names()["child"][0], signal.SIGKILL)
    eventually(lambda: set(below.names()) == {"parent", "grandchild"})


def test_every_statement_that_sqlite_runs_is_counted_and_a_trigger_that_it_sets_off_as_well(
    tmp_path: Path,
) -> None:
    counted = statements.Sqlite(tmp_path)
    subprocess.run([sys.executable, "-c", SENT], env={**os.environ, **counted.env}, check=True)
    # Six were sent. The INSERT set the trigger off, and what that inserts asks it again.
    assert counted.count() == statements.Count(all=8, transactional=2)


def test_postgresqls_log_tells_of_prepared_statements_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "statement-of 7 LOG:  statement: BEGIN\n"
        "statement-of 7 LOG:  execute <unnamed>: SELECT 1\n"
        "statement-of 7 DETAIL:  parameters: $1 = 'statement: no'\n"
        "statement-of 7 LOG:  execute _pg3_0: \n\tUPDATE one\n"
        "statement-of 9 LOG:  statement: commit\n"
        "LOG:  statement: of before\n"
    )
    assert statements.logged(log.read_text()) == statements.Count(all=4, transactional=2)


def test_the_control_is_a_project_that_serves_a_page(tmp_path: Path) -> None:
    with installation.bare(tmp_path) as running:
        assert running.ask("GET", "/") == (200, {"notes": 0})
        assert running.processor > 0 and len(running.tree.pids()) == 1
