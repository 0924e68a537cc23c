"""`script/benchmark serving`: hello, get, list and create beside controls that do the least work possible.

Every figure is a ratio to a control measured in the same round; medians over the rounds with minimum and maximum.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import harness, load
from benchmarks.harness import Process, Series

CASES = ("hello", "get", "list", "create")
# Ratio to the control that is asked for; None where none is named.
GOALS: dict[tuple[str, str], float | None] = {
    ("sqlite", "hello"): 0.35,
    ("postgres", "hello"): 0.35,
    ("postgres", "get"): 0.25,
    ("postgres", "create"): 0.5,
    ("sqlite", "create"): 0.2,
}
WAYS = ("bare", "shipped", "wsgi", "lean")


@dataclass(frozen=True)
class Options:
    """How long and how often to measure."""

    rounds: int
    seconds: float
    connections: tuple[int, ...]


@dataclass(frozen=True)
class House:
    """Darkroom and its control over one database, filled."""

    database: str
    darkroom: Process
    control: Process
    bare: Process
    requests: dict[str, bytes]
    statuses: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--connections", default="1,16,64")
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--ways", action="store_true", help="Compare the ways of serving Django, too.")
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    connections = tuple(int(part) for part in given.connections.split(","))
    options = Options(given.rounds, given.seconds, connections)
    results: dict[str, Any] = {"machine": harness.machine()}
    print(harness.machine())
    with harness.scratch() as folder:
        if given.ways:
            results["ways"] = ways(folder, options)
        for database in given.databases.split(","):
            with house(folder / database, database) as built:
                results[database] = measure(built, given.cases.split(","), options)
    harness.save(given.json, results)


def ways(folder: Path, options: Options) -> dict[str, Any]:
    """The ways of serving Django that were considered, each answering hello through all middleware."""
    env = _environment(folder / "ways", "")
    request = load.request("GET", "/hello")
    with contextlib.ExitStack() as stack:
        hosts = {kind: stack.enter_context(harness.running(_host(kind), env)) for kind in WAYS}
        for process in hosts.values():
            load.measure(process.port, request, connections=4, seconds=0.5)
        rows, kept = [], {}
        for connections in options.connections:
            series = harness.rounds(
                {
                    kind: partial(_rate, process, request, connections, options.seconds, 200)
                    for kind, process in hosts.items()
                },
                options.rounds,
            )
            for kind in WAYS:
                ratio = series[kind].ratio_to(series["bare"])
                rows.append([kind, str(connections), str(series[kind]), str(ratio)])
                kept[f"{kind} {connections}"] = series[kind].values
        memory = {kind: process.memory() for kind, process in hosts.items()}
    print("\n" + harness.table(["way", "connections", "answers/s", "ratio to bare ASGI"], rows))
    print("\nResident memory, MiB: " + ", ".join(f"{kind} {size:.0f}" for kind, size in memory.items()))
    return {"answers": kept, "memory": memory}


@contextlib.contextmanager
def house(folder: Path, database: str) -> Iterator[House]:
    """Fill a database of that kind, and start Darkroom's web process, the control over the same rows, and bare ASGI."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(harness.postgres(folder)) if database == "postgres" else ""
        env = _environment(folder, address)
        filled = folder / "filled.json"
        with filled.open("wb") as out:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fill"]
            subprocess.run(command, cwd=harness.ROOT, env={**os.environ, **env}, stdout=out, check=True)
        seen = json.loads(filled.read_text())
        source = address or str(folder / "darkroom.sqlite3")
        control = [*_host(database), "--filled", str(filled), "--database", source]
        yield House(
            database,
            darkroom=stack.enter_context(harness.running(_web(), env)),
            control=stack.enter_context(harness.running(control, env)),
            bare=stack.enter_context(harness.running(_host("bare"), env)),
            requests={name: _request(seen["token"], one) for name, one in seen["requests"].items()},
            statuses={name: one["status"] for name, one in seen["requests"].items()},
        )


def measure(built: House, cases: list[str], options: Options) -> dict[str, Any]:
    """Every case at every concurrency; prints the table and gives the raw figures."""
    for name in cases:
        for process in (built.darkroom, built.control):
            load.measure(
                process.port, built.requests[name], connections=4, seconds=0.5, expected=built.statuses[name]
            )
    idle = built.darkroom.memory()
    rows, kept = [], {}
    for name in cases:
        for connections in options.connections:
            times: dict[str, list[load.Load]] = {"darkroom": [], "control": []}
            ours, control = _compare(built, name, connections, options, times)
            ratio = ours.ratio_to(control)
            rows.append(
                [
                    name,
                    str(connections),
                    str(ours),
                    str(control) + (" swings" if control.swing > harness.SWING else ""),
                    str(ratio),
                    _goal(built.database, name),
                    f"{_milliseconds(times['darkroom'], 0.5)} / {_milliseconds(times['darkroom'], 0.99)}",
                ]
            )
            kept[f"{name} {connections}"] = {"darkroom": ours.values, "control": control.values}
    memory = {"darkroom, idle": idle, "darkroom": built.darkroom.memory(), "control": built.control.memory()}
    print(f"\n{built.database}\n")
    head = ["case", "connections", "Darkroom, answers/s", "control", "ratio", "goal", "p50 / p99, ms"]
    print(harness.table(head, rows))
    print("\nResident memory, MiB: " + ", ".join(f"{name} {size:.0f}" for name, size in memory.items()))
    print(f"Load: {os.getloadavg()[0]:.1f}")
    return {"answers": kept, "memory": memory}


def _compare(
    built: House, name: str, connections: int, options: Options, times: dict[str, list[load.Load]]
) -> tuple[Series, Series]:
    request, expected = built.requests[name], built.statuses[name]

    def one(who: str, process: Process) -> float:
        seen = load.measure(
            process.port, request, connections=connections, seconds=options.seconds, expected=expected
        )
        if seen.errors:
            raise RuntimeError(f"{who} answered {seen.errors} of {seen.answers} with an error")
        times[who].append(seen)
        return seen.rate

    control = built.bare if name == "hello" else built.control
    cases: dict[str, Callable[[], float]] = {
        "darkroom": partial(one, "darkroom", built.darkroom),
        "control": partial(one, "control", control),
    }
    series = harness.rounds(cases, options.rounds)
    return series["darkroom"], series["control"]


def _rate(process: Process, request: bytes, connections: int, seconds: float, expected: int) -> float:
    seen = load.measure(process.port, request, connections=connections, seconds=seconds, expected=expected)
    if seen.errors:
        raise RuntimeError(f"{seen.errors} of {seen.answers} answers were errors")
    return seen.rate


def _goal(database: str, name: str) -> str:
    goal = GOALS.get((database, name))
    return "" if goal is None else f"≥ {goal}"


def _milliseconds(loads: list[load.Load], share: float) -> str:
    middle = sorted(one.percentile(share) for one in loads)[len(loads) // 2]
    return harness.number(middle * 1000)


def _request(token: str, one: dict[str, Any]) -> bytes:
    return load.request(one["method"], one["path"], token=token, body=one["body"].encode())


def _environment(folder: Path, address: str) -> dict[str, str]:
    env = {"DARKROOM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
    return {**env, "DARKROOM_DATABASE_URL": address} if address else env


def _host(kind: str) -> list[str]:
    return ["-W", "ignore", "-m", "benchmarks.host", kind, "--port", "{port}"]


def _web() -> list[str]:
    return ["-W", "ignore", "manage.py", "web", "--port", "{port}"]


if __name__ == "__main__":
    main()
