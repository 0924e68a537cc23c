"""`script/benchmark serving`: hello, get, list and create beside controls that do the least work possible.

Every figure is a ratio to a control measured in the same round; medians over the rounds with minimum and maximum.
Beside it stands the processor time that the web process spends on an answer: it says the same on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import harness, load
from benchmarks.cases import COLUMNS, Case, Options, columns, compare
from benchmarks.harness import Process

CASES = ("hello", "get", "list", "create")
# Ratio to the control that is asked for; None where none is named.
GOALS: dict[tuple[str, str], float | None] = {
    ("sqlite", "hello"): 0.35,
    ("postgres", "hello"): 0.35,
    ("postgres", "get"): 0.25,
    ("postgres", "create"): 0.5,
    ("sqlite", "create"): 0.2,
}
FILLED = "filled.json"
WAYS = ("bare", "shipped", "wsgi", "lean")


@dataclass(frozen=True)
class RunningServer:
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
            with running_server(folder / database, database) as server:
                results[database] = measure(server, given.cases.split(","), options)
    harness.save(given.json, results)


def ways(folder: Path, options: Options) -> dict[str, Any]:
    """The ways of serving Django that were considered, each answering hello through all middleware."""
    env, request = _environment(folder / "ways", ""), load.request("GET", "/hello")
    rows, kept = [], {}
    with contextlib.ExitStack() as stack:
        hosts = {kind: stack.enter_context(harness.running(_host(kind), env)) for kind in WAYS}
        for connections in options.connections:
            run = {kind: Case(process, request) for kind, process in hosts.items()}
            for case in run.values():
                case.warm_up()
            compare(run, connections, options)
            for kind in WAYS[1:]:
                rows.append([kind, str(connections), *columns(run[kind], run["bare"])])
            kept[str(connections)] = {
                kind: {"rates": case.rates, "cpu": case.cpu} for kind, case in run.items()
            }
        memory = {kind: process.memory() for kind, process in hosts.items()}
    print("\n" + harness.table(["way", "connections", *COLUMNS], rows))
    print("\n" + _memory(memory))
    return {"answers": kept, "memory": memory}


@contextlib.contextmanager
def filled_server(folder: Path, database: str) -> Iterator[tuple[Process, dict[str, Any], str]]:
    """Darkroom's web process over a filled database of that kind; what was recorded; the address of PostgreSQL."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(harness.postgres(folder)) if database == "postgres" else ""
        env = _environment(folder, address)
        filled = folder / FILLED
        with filled.open("wb") as out:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.fill"]
            subprocess.run(command, cwd=harness.ROOT, env={**os.environ, **env}, stdout=out, check=True)
        yield stack.enter_context(harness.running(_web(), env)), json.loads(filled.read_text()), address


@contextlib.contextmanager
def running_server(folder: Path, database: str) -> Iterator[RunningServer]:
    """Darkroom over a filled database, the control over the same rows, and bare ASGI."""
    with contextlib.ExitStack() as stack:
        web, seen, address = stack.enter_context(filled_server(folder, database))
        source = address or str(folder / "darkroom.sqlite3")
        control = [*_host(database), "--filled", str(folder / FILLED), "--database", source]
        yield RunningServer(
            database,
            darkroom=web,
            control=stack.enter_context(harness.running(control, {})),
            bare=stack.enter_context(harness.running(_host("bare"), {})),
            requests={name: _request(seen["token"], one) for name, one in seen["requests"].items()},
            statuses={name: one["status"] for name, one in seen["requests"].items()},
        )


def measure(server: RunningServer, names: list[str], options: Options) -> dict[str, Any]:
    """Every case at every concurrency; prints the table and gives the raw figures."""
    idle = server.darkroom.memory()
    rows, kept = [], {}
    for name in names:
        for connections in options.connections:
            ours, control = _pair(server, name)
            compare({"darkroom": ours, "control": control}, connections, options)
            rows.append([name, str(connections), *columns(ours, control), _goal(server.database, name)])
            kept[f"{name} {connections}"] = {
                who: {"rates": case.rates, "cpu": case.cpu}
                for who, case in (("darkroom", ours), ("control", control))
            }
    memory = {
        "darkroom, idle": idle,
        "darkroom": server.darkroom.memory(),
        "control": server.control.memory(),
    }
    print(f"\n{server.database}\n\n" + harness.table(["case", "connections", *COLUMNS, "goal"], rows))
    print("\n" + _memory(memory) + f"\nLoad at the end: {os.getloadavg()[0]:.1f}")
    return {"answers": kept, "memory": memory}


def _pair(server: RunningServer, name: str) -> tuple[Case, Case]:
    control = server.bare if name == "hello" else server.control
    request, expected = server.requests[name], server.statuses[name]
    ours, theirs = (
        Case(server.darkroom, request, expected),
        Case(control, request, 200 if name == "hello" else expected),
    )
    ours.warm_up()
    theirs.warm_up()
    return ours, theirs


def _memory(sizes: dict[str, float]) -> str:
    return "Resident memory, MiB: " + ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())


def _goal(database: str, name: str) -> str:
    goal = GOALS.get((database, name))
    return "" if goal is None else f"≥ {goal}"


def _request(token: str, one: dict[str, Any]) -> bytes:
    return load.request(one["method"], one["path"], token=token, body=one["body"].encode())


def _environment(folder: Path, address: str) -> dict[str, str]:
    env = {"DARKROOM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "benchmarks.parts.settings"}
    return {**env, "DARKROOM_DATABASE_URL": address} if address else env


def _host(kind: str) -> list[str]:
    return ["-W", "ignore", "-m", "benchmarks.parts.host", kind, "--port", "{port}"]


def _web() -> list[str]:
    return ["-W", "ignore", "manage.py", "web", "--port", "{port}"]


if __name__ == "__main__":
    main()
