"""`script/benchmark idle`: what a server costs that has nothing to do.

Processor, wake-ups and memory of the whole tree of processes, in all and by name, and the statements that it sends. The
control is a bare Django project with one app under the same uvicorn, as idle, in the same run. On PostgreSQL statements
are counted in its log, in the same minute; on SQLite by its own trace, in another start, since a trace has its price.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.harness import Series
from benchmarks.parts import statements
from benchmarks.parts.databases import databases
from benchmarks.parts.installation import BARE, DARKROOM, KINDS, Running
from benchmarks.parts.tree import Reading

GOALS = {"core": "≤ 1 %", "statements": "≤ 3", "memory": "≤ 300 MiB", "processes": "10"}
FIGURES = {
    "core": "% of a core",
    "wakeups": "wake-ups a second",
    "statements": "statements a second",
    "begun": "of them, those that begin or end a transaction",
    "processes": "processes",
    "memory": "memory (PSS), MiB",
}
HEAD = ["database", "figure", DARKROOM, BARE, "goal"]
PARTS_HEAD = ["database", "process", "how many", "% of a core", "wake-ups a second", "memory (PSS), MiB"]


@dataclass
class Seen:
    """A round of one server."""

    figures: dict[str, float]
    parts: dict[str, tuple[int, float, float, float]] = field(default_factory=dict)
    """By name: how many, % of a core, wake-ups a second, MiB."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement")
    parser.add_argument("--settle", type=float, default=15.0, help="seconds between ready and a measurement")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    print(harness.machine())
    kept: dict[str, Any] = {}
    for database in given.databases.split(","):
        with harness.scratch() as folder, databases(folder, database) as fresh:
            seen: dict[str, list[Seen]] = {DARKROOM: [], BARE: []}
            for who in seen:
                data, address = folder / who.replace(" ", "-"), fresh()
                # The first start makes the database; it would be no idle server for a while.
                with KINDS[who](data, address):
                    pass
                for _ in range(given.rounds):
                    seen[who].append(measured(who, data, folder, address, given))
        rows = [[database, *row] for row in compared(seen)]
        print("\n" + harness.table(HEAD, rows))
        print(
            "\n" + harness.table(PARTS_HEAD, [[database, *row] for row in by_name(seen[DARKROOM])]),
            flush=True,
        )
        kept[database] = {
            who: [{"figures": one.figures, "parts": one.parts} for one in rounds]
            for who, rounds in seen.items()
        }
    print(f"\n{harness.machine()}")
    harness.save(given.json, kept)


def measured(who: str, data: Path, folder: Path, address: str, given: argparse.Namespace) -> Seen:
    """One round of one server."""
    postgres = statements.Postgres(folder, address) if address else None
    with idle(who, data, address, {}, given) as running:
        counted = postgres.count() if postgres else statements.Count(0, 0)
        before, began = running.tree.readings(), time.monotonic()
        time.sleep(given.seconds)
        after, seconds = running.tree.readings(), time.monotonic() - began
        if postgres:
            counted = postgres.count() - counted
        memory = running.tree.memory()
    if not postgres:
        counted = traced(who, data, given)
    figures = {
        "core": (_total(after) - _total(before)) / seconds * 100,
        "wakeups": sum(woken(before, after).values()) / seconds,
        "statements": counted.all / seconds,
        "begun": counted.transactional / seconds,
        "processes": float(len(memory)),
        "memory": sum(size for _, size in memory.values()),
    }
    return Seen(figures, parts(before, after, memory, seconds))


def traced(who: str, data: Path, given: argparse.Namespace) -> statements.Count:
    """The statements of an idle server on SQLite, in a start of their own."""
    trace = statements.Sqlite(data / "counted")
    with idle(who, data, "", trace.env, given):
        before = trace.count()
        time.sleep(given.seconds)
        return trace.count() - before


@contextlib.contextmanager
def idle(who: str, data: Path, address: str, env: Mapping[str, str], given: argparse.Namespace) -> Any:
    """A server that was ready a while ago."""
    with KINDS[who](data, address, env) as running:
        assert isinstance(running, Running)
        time.sleep(given.settle)
        yield running


def woken(before: Mapping[int, Reading], after: Mapping[int, Reading]) -> dict[int, float]:
    """How often each process was woken; threads that have ended meanwhile are not known any more."""
    start = {pid: one.switches for pid, one in before.items()}
    return {pid: max(0, one.switches - start.get(pid, 0)) for pid, one in after.items()}


def parts(
    before: Mapping[int, Reading],
    after: Mapping[int, Reading],
    memory: Mapping[int, tuple[str, float]],
    seconds: float,
) -> dict[str, tuple[int, float, float, float]]:
    """By name, the dearest first: how many, % of a core, wake-ups a second, MiB."""
    found: dict[str, tuple[int, float, float, float]] = {}
    wakeups = woken(before, after)
    for pid, one in after.items():
        count, core, times, size = found.get(one.name, (0, 0.0, 0.0, 0.0))
        core += (one.own - (before[pid].own if pid in before else 0.0)) / seconds * 100
        size += memory.get(pid, ("", 0.0))[1]
        found[one.name] = (count + 1, core, times + wakeups[pid] / seconds, size)
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


def _total(readings: Mapping[int, Reading]) -> float:
    return sum(one.own + one.reaped for one in readings.values())


def compared(seen: Mapping[str, list[Seen]]) -> list[list[str]]:
    """The cells of `HEAD` after the database."""
    rows = []
    for figure, words in FIGURES.items():
        series = [str(Series(figure, [one.figures[figure] for one in seen[who]])) for who in (DARKROOM, BARE)]
        rows.append([words, *series, GOALS.get(figure, "")])
    return rows


def by_name(rounds: list[Seen]) -> list[list[str]]:
    """The cells of `PARTS_HEAD` after the database, of the last round."""
    return [
        [name, str(count), *(harness.number(value) for value in figures)]
        for name, (count, *figures) in rounds[-1].parts.items()
    ]


if __name__ == "__main__":
    main()
