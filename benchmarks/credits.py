"""`script/benchmark credits`: holds beside bare INSERTs, a statement of a million rows, the audit of ten million.

The control of the holds is an INSERT of the same row into a table without any other index, in a transaction of its own,
by the same driver over as many connections of as many processes: it waits for the disk as a hold does. Figures are
ratios of the same round. The processor's time of a call, client and server, says what is left where others load the
machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.harness import Series

GOALS = {"one account": 0.2, "1,000 accounts": 0.9}
HEAD = [
    "database", "connections", "case", "a second", "ratio to the control", "p50 / p99, ms",
    "µs of processor: client, server, ratio", "goal",
]  # fmt: skip
PARTS = ("holds", "statement", "audit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--connections", default="1,32")
    parser.add_argument(
        "--clients", type=int, default=4, help="processes that share the connections of holds"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement of holds")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the statement's account")
    parser.add_argument("--rows", type=int, default=10_000_000, help="that the audit reads")
    parser.add_argument("--accounts", type=int, default=10_000, help="that they belong to")
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    print(harness.machine(), flush=True)
    results: dict[str, Any] = {}
    for name in given.parts.split(","):
        for database in given.databases.split(","):
            # A database of its own for each: what one leaves behind does not slow down the next.
            with harness.scratch() as folder, empty_installation(folder / database, database) as env:
                found = json.loads(part(env, name, *options(name, given)))
                results[f"{database} {name}"] = found
                print("\n" + TOLD[name](database, found), flush=True)
    harness.save(given.json, results)


@contextlib.contextmanager
def empty_installation(folder: Path, database: str) -> Any:
    """The environment of an empty installation over a database of that kind."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        env = {**os.environ, "DARKROOM_DATA": str(folder)}
        env.pop("DARKROOM_DATABASE_URL", None)
        if database == "postgres":
            env["DARKROOM_DATABASE_URL"] = stack.enter_context(harness.postgres(folder))
            env["BENCH_POSTMASTER"] = str(harness.postmaster(folder).process.pid)
        yield env


def part(env: dict[str, str], name: str, *words: str) -> bytes:
    """What the part prints."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.money", name, *words]
    return subprocess.run(command, cwd=harness.ROOT, env=env, stdout=subprocess.PIPE, check=True).stdout


def options(name: str, given: argparse.Namespace) -> list[str]:
    """The command line of a part."""
    if name == "holds":
        words = {name: str(getattr(given, name)) for name in ("connections", "clients", "rounds", "seconds")}
        return [word for name, value in words.items() for word in (f"--{name}", value)]
    if name == "statement":
        return ["--rows", str(given.entries), "--rounds", str(given.rounds)]
    return ["--rows", str(given.rows), "--accounts", str(given.accounts)]


def holds(database: str, found: dict[str, Any]) -> str:
    """A table of holds a second, beside the control."""
    rows = []
    for connections, cases in found.items():
        control = Series("control", cases["bare INSERT"]["rates"])
        for name, case in cases.items():
            series = Series(name, case["rates"])
            ratio = series.ratio_to(control)
            goal = GOALS.get(name)
            met = "" if goal is None else f"≥ {goal}, {'met' if ratio.median >= goal else 'missed'}"
            times = f"{harness.number(case['p50'])} / {harness.number(case['p99'])}"
            rows.append([database, connections, name, str(series), str(ratio), times, used(case, cases), met])
    return harness.table(HEAD, rows)


def used(case: dict[str, Any], cases: dict[str, Any]) -> str:
    """Processor time of one call: of the client, of the server, and both beside the control's."""
    whole = [
        Series("", [sum(both) for both in zip(one["client_us"], one["server_us"], strict=True)])
        for one in (case, cases["bare INSERT"])
    ]
    client, server = Series("", case["client_us"]), Series("", case["server_us"])
    return f"{client.median:.0f}, {server.median:.0f}, {whole[1].median / whole[0].median:.2f}"


def statement(database: str, found: dict[str, Any]) -> str:
    """A table of pages, beside a bare indexed SELECT of as many rows."""
    control = Series("control", found["bare SELECT"])
    head = [database, "ms", "ratio to the bare SELECT"]
    return harness.table(
        head,
        [
            [name, str(one := Series(name, times)), str(one.ratio_to(control))]
            for name, times in found.items()
        ],
    )


def audit(database: str, found: dict[str, Any]) -> str:
    """What the audit took, and whether it found what was broken on purpose."""
    return harness.table([database, ""], [[name, str(value)] for name, value in found.items()])


TOLD = {"holds": holds, "statement": statement, "audit": audit}

if __name__ == "__main__":
    main()
