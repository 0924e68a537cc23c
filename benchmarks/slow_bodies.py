"""`script/benchmark slow_bodies`: members at work beside clients without a token that dribble what they send.

The control is the same members alone, in the same round. Beside it stand the web process's memory and the bytes of its
files that have no name, where bodies wait on the disk.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import harness, load
from benchmarks.harness import Process, Series
from benchmarks.serving import filled_server

RATIO_GOAL = 2.0
HEAD = [
    "database",
    "case",
    "p99, ms",
    "beside them",
    "ratio",
    "goal",
    "MiB",
    "beside them",
    "spooled, MiB",
    "errors",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=50)
    parser.add_argument("--dribblers", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--cases", default="get,create")
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    print(harness.machine())
    kept = {}
    with harness.scratch() as folder:
        for database in given.databases.split(","):
            rows = []
            with filled_server(folder / database, database) as (web, seen, _):
                for name in given.cases.split(","):
                    row, figures = measured(web, _request(seen, name), given)
                    rows.append([database, name, *row])
                    kept[f"{database} {name}"] = figures
            print("\n" + harness.table(HEAD, rows), flush=True)
    harness.save(given.json, kept)


def measured(
    web: Process, asked: tuple[bytes, int], given: argparse.Namespace
) -> tuple[list[str], dict[str, Any]]:
    """All rounds of one case."""
    alone, beside = Series("alone"), Series("beside")
    memory, spooled, errors = [0.0, 0.0], 0.0, 0
    for _ in range(given.rounds):
        seen = _members(web, asked, given)
        alone.values.append(seen.percentile(0.99) * 1000)
        errors += seen.errors
        memory[0] = max(memory[0], web.memory())
        with dribblers(web.port, given.dribblers):
            seen = _members(web, asked, given)
            spooled = max(spooled, nameless(web))
            memory[1] = max(memory[1], web.memory())
        beside.values.append(seen.percentile(0.99) * 1000)
        errors += seen.errors
    ratio = beside.ratio_to(alone)
    sizes = [harness.number(size) for size in (*memory, spooled)]
    row = [str(alone), str(beside), str(ratio), f"≤ {RATIO_GOAL:g}", *sizes, str(errors)]
    return row, {"alone": alone.values, "beside": beside.values, "memory": memory, "spooled": spooled}


@contextlib.contextmanager
def dribblers(port: int, count: int) -> Iterator[None]:
    """So many of them, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.parts.dribble", str(port), str(count)]
    with subprocess.Popen(command, cwd=harness.ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.kill()


def nameless(web: Process) -> float:
    """MiB of the open files of a process that have no name."""
    total = 0
    for fd in Path(f"/proc/{web.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            # The first three are where it logs to.
            if int(fd.name) > 2 and os.readlink(fd).endswith("(deleted)"):
                total += fd.stat().st_size
    return total / 2**20


def _members(web: Process, asked: tuple[bytes, int], given: argparse.Namespace) -> load.Load:
    request, expected = asked
    return load.measure(
        web.port, request, connections=given.members, seconds=given.seconds, expected=expected
    )


def _request(seen: dict[str, Any], name: str) -> tuple[bytes, int]:
    one = seen["requests"][name]
    request = load.request(one["method"], one["path"], token=seen["token"], body=one["body"].encode())
    return request, one["status"]


if __name__ == "__main__":
    main()
