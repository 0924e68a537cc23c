"""`script/benchmark inflight`: one watcher with 10,000 predictions in flight at upstreams on this machine.

The control is the same watcher, idle, before they are there. Each look is a request to the upstream, which notes when
it came: the lag is by how much the time between two looks at one prediction exceeds the watcher's longest pause. It is
measured once every prediction is looked at with that pause.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.harness import Process, Series

CAP = 10.0
"""Seconds between two looks, at the longest, as `predictions.execution.watcher` has it."""
UPSTREAMS = 4
"""Each is asked 1,000 times a second at most."""
CORES_GOAL, MEMORY_GOAL, LAG_GOAL = 1.0, 32.0, 2.0
HEAD = [
    "database", "in flight", "cores", "idle", "MiB", "idle", "more", "looks/s", "lag p50, s", "p99, s", "most, s",
    "cores of the database", "goals",
]  # fmt: skip


@dataclass
class Figures:
    """What the rounds gave, of one database."""

    idle_cores: Series = field(default_factory=lambda: Series("idle cores"))
    cores: Series = field(default_factory=lambda: Series("cores"))
    looks: Series = field(default_factory=lambda: Series("looks"))
    lags: dict[str, Series] = field(
        default_factory=lambda: {name: Series(name) for name in ("p50", "p99", "most")}
    )
    idle_memory: float = 0.0
    memory: float = 0.0
    """MiB, the largest that was seen."""
    database_cores: Series = field(default_factory=lambda: Series("database"))

    @property
    def broken(self) -> list[str]:
        """The goals that were not met."""
        found = []
        if self.cores.median > CORES_GOAL:
            found.append("cores")
        if self.memory - self.idle_memory > MEMORY_GOAL:
            found.append("memory")
        if self.lags["p99"].median > LAG_GOAL:
            found.append("lag")
        return found

    def row(self, database: str, flights: int) -> list[str]:
        """The cells of `HEAD`."""
        lags = [str(self.lags[name]) for name in ("p50", "p99", "most")]
        sizes = [self.memory, self.idle_memory, self.memory - self.idle_memory]
        return [
            database, f"{flights:,}", str(self.cores), str(self.idle_cores), *map(harness.number, sizes),
            str(self.looks), *lags, str(self.database_cores), ", ".join(self.broken) or "met",
        ]  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A watcher over a database, and the upstream that it asks."""

    upstream: Process
    watcher: Process
    database: Process | None
    """PostgreSQL's own processes; SQLite works inside the watcher."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="of each round; more than the pause of 10"
    )
    parser.add_argument(
        "--settle", type=float, default=120.0, help="seconds, at most, until pauses are longest"
    )
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    print(harness.machine())
    rows, kept = [], {}
    with harness.scratch() as folder:
        for database in given.databases.split(","):
            seen = measured(folder / database, database, given)
            rows.append(seen.row(database, given.flights))
            kept[database] = {"cores": seen.cores.values, "looks": seen.looks.values} | {
                name: series.values for name, series in seen.lags.items()
            }
    print(harness.table(HEAD, rows))
    print(
        f"Goals: cores ≤ {CORES_GOAL:g}, MiB more ≤ {MEMORY_GOAL:g}, lag p99 ≤ {LAG_GOAL:g} s. {harness.machine()}"
    )
    harness.save(given.json, kept)


def measured(folder: Path, database: str, given: argparse.Namespace) -> Figures:
    """All rounds over one database: idle first, then in flight."""
    seen = Figures()
    with site(folder, database) as (one, env):
        # Imports, the first connection and the first tick are no work of an idle watcher.
        time.sleep(5)
        for _ in range(given.rounds):
            seen.idle_cores.values.append(_cores(one.watcher, 2.0))
        seen.idle_memory = one.watcher.memory()
        behind(env, one.upstream.port, given.flights)
        settle(one, given.flights, given.settle)
        for _ in range(given.rounds):
            _round(one, seen, given.seconds)
    return seen


def settle(one: Site, flights: int, seconds: float) -> None:
    """Wait until each is looked at with the longest pause. Raises RuntimeError where some are not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lag_report = lags(one)
        time.sleep(CAP)
        # Shorter pauses than the longest mean that some still grow; the first look came before all of them.
        grown = lags(one)
        if lag_report["jobs"] == grown["jobs"] == flights and grown["looks"] and grown["p01"] > -0.5:
            return
    raise RuntimeError(f"Pauses were not the longest after {seconds:.0f} s: {grown}")


def _round(one: Site, seen: Figures, seconds: float) -> None:
    lags(one)
    before = one.database.cpu() if one.database else 0.0
    began = time.monotonic()
    seen.cores.values.append(_cores(one.watcher, seconds))
    took = time.monotonic() - began
    lag_report = lags(one)
    seen.database_cores.values.append(((one.database.cpu() if one.database else 0.0) - before) / took)
    seen.looks.values.append(lag_report["looks"] / took)
    for name, series in seen.lags.items():
        series.values.append(lag_report[name])
    seen.memory = max(seen.memory, one.watcher.memory())


def _cores(process: Process, seconds: float) -> float:
    """Processor seconds a second, of a process and its children."""
    before, began = process.cpu(), time.monotonic()
    time.sleep(seconds)
    return (process.cpu() - before) / (time.monotonic() - began)


def lags(one: Site) -> dict[str, Any]:
    """What the upstream noted since the last time it was asked."""
    address = f"http://127.0.0.1:{one.upstream.port}/_lags?cap={CAP}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return dict(json.load(answer))


@contextlib.contextmanager
def site(folder: Path, database: str) -> Iterator[tuple[Site, dict[str, str]]]:
    """An idle watcher over an empty database, an upstream, and the environment that they share."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        env = {
            "DARKROOM_DATA": str(folder), "DARKROOM_UPSTREAM_PRIVATE": "127.0.0.1", "DARKROOM_ENGINE": "0",
            "DARKROOM_PROCESS_ROLE": "work",
        }  # fmt: skip
        server = None
        if database == "postgres":
            env["DARKROOM_DATABASE_URL"] = stack.enter_context(harness.postgres(folder))
            server = harness.postmaster(folder)
        command = ["-m", "benchmarks.parts.upstream", "--port", "{port}"]
        upstream = stack.enter_context(harness.running(command, {}))
        behind(env, upstream.port, 0)
        watcher = stack.enter_context(harness.started(["-W", "ignore", "manage.py", "watch"], env))
        yield Site(upstream, watcher, server), env


def behind(env: dict[str, str], port: int, flights: int) -> dict[str, Any]:
    """Run `benchmarks.parts.behind` in that environment; what it printed."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.behind", "--port", str(port)]
    command += ["--upstreams", str(UPSTREAMS), "--flights", str(flights)]
    done = subprocess.run(
        command, cwd=harness.ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, check=True
    )
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
