"""Which tests the lane on PostgreSQL can leave out: `python -m tests.postgres --choose`.

The whole lane is run there once, and every statement that each test sends is written down: its text without what
differs from call to call, and whether the database refused it. Chosen are, as few and as quick as will do, tests that
together send every text, and every refused one, `TIMES` over where it asks for words, dates or the inside of JSON, and
all in which the answer is more than the text: races, and those in `WHOLE`. The others are listed in
`tests/runner/sqlite_only.txt` and run there by `script/test --all-databases` alone. What that list does not name, a new
test above all, runs on both.

As a plugin (`pytest -p tests.runner.postgres_selection`) this module writes down the statements.
"""

from __future__ import annotations

import heapq
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.runner import sqlite_only

FOLDER = "DARKROOM_TEST_STATEMENTS"
"""The variable with the folder into which each process of pytest writes what its tests sent."""
COMPUTING = "not browser and not server and not redis and not clients and not seeds and not schemathesis and not local"
LANE = [
    "-p", "tests.runner.postgres_selection", "--processes", "4", "-m", f"database and {COMPUTING}",
    "--ignore=tests/engine", "--ignore=tests/predictions/providers",
]  # fmt: skip
"""The lane as `script/test` has it, with this plugin."""

WHOLE = (
    # credits, which are never made or lost
    "tests/accounts/credits/", "tests/accounts/credits/test_amounts.py",
    "tests/predictions/pricing/", "tests/predictions/submit/test_plan_limits.py",
    "tests/predictions/dispatch/", "tests/predictions/upstreams/test_budget.py",
    # lifecycle: which state may follow which, by conditions on rows
    "tests/predictions/lifecycle/test_lifecycle.py", "tests/predictions/processes/test_sweep.py",
    "tests/predictions/execution/test_concurrency.py", "tests/predictions/submit/test_quotas.py",
    "tests/predictions/files/test_file_removal.py",
    "tests/faults/test_postgres_restart.py", "tests/faults/test_random_kills", "tests/faults/test_watcher_kills.py",
    # statements and columns of our own, and what changes them
    "tests/core/db/test_prepared_writes.py", "tests/core/db/test_pipeline.py", "tests/core/db/test_prepared.py",
    "tests/core/db/test_row_instances.py", "tests/predictions/lifecycle/test_request_index.py",
    "tests/core/jobs/test_row_errors.py",
    # words, orders and times
    "tests/gallery/search/", "tests/gallery/library/test_item_lists.py", "tests/gallery/public/test_public_lists.py",
    "tests/core/test_pagination.py", "tests/security/test_malicious_text.py",
    "tests/security/test_forged_ids.py",
    "tests/predictions/api_dialects/replicate/test_prediction_lists.py", "tests/predictions/usage/",
)  # fmt: skip
"""Files of which every test is chosen: in them a value may matter more than the text of the statement."""

TIMES = 2
"""Tests that send each text in which the kinds of database do differ, where there are so many."""
# What the SQL text alone does not show: how each database searches text, computes dates, reads JSON.
_OF_A_KIND = re.compile(
    r"@@|TSQUERY|SIMILARITY|->|#>|JSONB_|DATE_TRUNC|EXTRACT\(|AT TIME ZONE|::DATE\b", re.I
)
_ROWS = re.compile(r"(\((?:%s|DEFAULT|NULL)(?:, (?:%s|DEFAULT|NULL))*\))(?:, \1)+")
_LISTS = re.compile(r"\(%s(?:, %s)*\)")
_LITERALS = re.compile(r"'(?:[^']|'')*'|(?<![\w\"])\d+(?:\.\d+)?\b")
_SAVEPOINTS = re.compile(r"^((?:RELEASE )?SAVEPOINT|ROLLBACK TO SAVEPOINT) .*")


def plain(sql: str) -> str:
    """A statement's text without its literals, how many rows it writes, and how long its lists are."""
    text = _SAVEPOINTS.sub(r"\1", sql)
    return _LITERALS.sub("?", _LISTS.sub("(%s…)", _ROWS.sub(r"\1…", text)))


def _races(item: pytest.Item) -> bool:
    """Whether the test's file has threads that race."""
    used = vars(getattr(item, "module", None) or object).values()
    return any(
        "tests.support.races" in (getattr(one, "__module__", ""), getattr(one, "__name__", ""))
        for one in used
    )


@dataclass
class Sent:
    """What one test sent, how long it took, and why more than its texts speak for it ("" where nothing does)."""

    texts: set[str] = field(default_factory=set)
    seconds: float = 0.0
    reason: str = ""


def redundant_tests(tests: Mapping[str, Sent]) -> list[str]:
    """The tests that send no text that the others do not send often enough.

    Each time the one is chosen that adds most in its time.
    """
    chosen = {name for name, sent in tests.items() if sent.reason}
    senders = Counter(text for sent in tests.values() for text in sent.texts)
    wanted = {text: min(of, TIMES if _OF_A_KIND.search(text) else 1) for text, of in senders.items()}
    for name in chosen:
        _sends(tests[name], wanted)

    def worth(name: str) -> float:
        return -sum(wanted[text] > 0 for text in tests[name].texts) / (tests[name].seconds + 0.01)

    # What a test adds only gets less: one that is still the best when it is looked at again is the best.
    waiting = [(worth(name), name) for name in sorted(tests.keys() - chosen)]
    heapq.heapify(waiting)
    while waiting:
        before, name = heapq.heappop(waiting)
        if (now := worth(name)) == 0:
            continue
        if now > before:
            heapq.heappush(waiting, (now, name))
            continue
        chosen.add(name)
        _sends(tests[name], wanted)
    return sorted(tests.keys() - chosen)


def _sends(sent: Sent, wanted: dict[str, int]) -> None:
    for text in sent.texts:
        wanted[text] -= 1


def read(folder: Path) -> dict[str, Sent]:
    """What the processes of a run wrote into the folder."""
    found: dict[str, Sent] = {}
    for path in sorted(folder.glob("*.json")):
        written = json.loads(path.read_text())
        for name, (numbers, seconds, reason) in written["tests"].items():
            found[name] = Sent({written["texts"][number] for number in numbers}, seconds, reason)
    return found


def choose(words: list[str]) -> int:
    """Run the whole lane and rewrite the list, keeping failing tests; returns pytest's exit code. `words`: options."""
    with tempfile.TemporaryDirectory(prefix="darkroom-statements-") as folder:
        env = {**os.environ, FOLDER: folder, sqlite_only.ALL: "1"}
        command = [sys.executable, "-m", "pytest", "-q", *LANE, *words]
        code = subprocess.run(command, env=env, check=False).returncode
        if code not in (0, 1):
            print("The list stays as it is: the tests did not come to their end.", file=sys.stderr)
            return code
        tests = read(Path(folder))
    names = redundant_tests(tests)
    sqlite_only.write(set(names), tests.keys() - set(names))
    spared = sum(tests[name].seconds for name in names)
    whole = sum(sent.seconds for sent in tests.values())
    print(
        f"{len(names)} of {len(tests)} tests are left out, {spared:.0f} s of {whole:.0f} s of processor time."
    )
    return code


class Recorder:
    """The plugin: what is sent while a test runs, by whatever thread, is the test's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tests: dict[str, Sent] = defaultdict(Sent)
        self._now = ""
        self._last: dict[int, str] = {}

    def sent(self, test: str) -> Sent:
        """What a test sent."""
        return self._tests[test]

    def note(self, query: Any) -> None:
        """One statement."""
        text = plain(query if isinstance(query, str) else str(query))
        self._tests[self._now].texts.add(text)
        self._last[threading.get_ident()] = text

    def error(self, error: BaseException) -> None:
        """The database refused what the thread sent last, or there was no database."""
        text = self._last.get(threading.get_ident(), "")
        self._tests[self._now].texts.add(f"{text} {type(error).__name__}")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now, began = item.nodeid, time.process_time()
        if item.nodeid.startswith(WHOLE):
            self._tests[self._now].reason = "whole"
        asked = {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
        marker = item.get_closest_marker("django_db")
        commits = bool(asked or (marker and (marker.args or marker.kwargs)))
        if commits and _races(item):
            self._tests[self._now].reason = "races"
        yield
        self._tests[self._now].seconds = time.process_time() - began

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._tests[report.nodeid].reason = "failed"

    def pytest_sessionfinish(self) -> None:
        self._tests.pop("", None)
        texts = sorted({text for sent in self._tests.values() for text in sent.texts})
        numbers = {text: number for number, text in enumerate(texts)}
        tests = {
            name: ([numbers[text] for text in sent.texts], sent.seconds, sent.reason)
            for name, sent in self._tests.items()
        }
        path = self._folder / f"{os.environ.get('DARKROOM_TEST_WORKER', 'main')}.json"
        path.write_text(json.dumps({"texts": texts, "tests": tests}))


def pytest_configure(config: pytest.Config) -> None:
    if FOLDER not in os.environ:
        return
    import psycopg

    recorder = Recorder(Path(os.environ[FOLDER]))
    for kind, name in (
        (psycopg.Cursor, "execute"),
        (psycopg.Cursor, "executemany"),
        (psycopg.ServerCursor, "execute"),
    ):
        _noting(kind, name, recorder)
    made = psycopg.Error.__init__

    def failed(self: psycopg.Error, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        recorder.error(self)

    psycopg.Error.__init__ = failed  # type: ignore[method-assign]
    config.pluginmanager.register(recorder)


def _noting(kind: Any, name: str, recorder: Recorder) -> None:
    sends = getattr(kind, name)

    def noted(self: Any, query: Any, *given: Any, **named: Any) -> Any:
        recorder.note(query)
        return sends(self, query, *given, **named)

    setattr(kind, name, noted)


if __name__ == "__main__":
    sys.exit(choose(sys.argv[1:]))
