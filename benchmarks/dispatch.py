"""`script/benchmark dispatch`: what a claim costs with many predictions waiting: fair over accounts, exact, committed.

The control is one UPDATE of a row by its key in the same database. Claims by racing workers are a test, not a figure.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import harness
from benchmarks.harness import Series

# Milliseconds that a claim may take, by how many wait.
GOALS = {1_000: 2, 100_000: 50}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", default="1000,100000")
    parser.add_argument("--claims", type=int, default=50)
    parser.add_argument("--databases", default="sqlite,postgres")
    given = parser.parse_args()
    print(harness.machine())
    head = ["database", "waiting", "control, ms", "claim of one: p50 (p99), ms", "of sixteen", "goal"]
    print(harness.table(head, []))
    with harness.scratch() as folder:
        for database in given.databases.split(","):
            for waiting in map(int, given.waiting.split(",")):
                times = measured(folder / f"{database}-{waiting}", database, waiting, given.claims)
                goal = f"≤ {GOALS[waiting]}" if waiting in GOALS else ""
                row = [database, f"{waiting:,}", *map(_shown, times), goal]
                print(f"| {' | '.join(row)} |", flush=True)


def measured(folder: Path, database: str, waiting: int, claims: int) -> list[Series]:
    """The times of the control, of claims of one and of claims of sixteen."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        env = {**os.environ, "DARKROOM_DATA": str(folder), "DARKROOM_ENGINE_SLOTS": "64"}
        env["DARKROOM_IN_FLIGHT_PER_ACCOUNT"] = "16"
        if database == "postgres":
            env["DARKROOM_DATABASE_URL"] = stack.enter_context(harness.postgres(folder))
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.claims"]
        command += ["--waiting", str(waiting), "--claims", str(claims)]
        done = subprocess.run(command, cwd=harness.ROOT, env=env, stdout=subprocess.PIPE, check=True)
    return [Series(name, values) for name, values in json.loads(done.stdout).items()]


def _shown(times: Series) -> str:
    ordered = sorted(times.values)
    return f"{harness.number(times.median)} ({harness.number(ordered[int((len(ordered) - 1) * 0.99)])})"


if __name__ == "__main__":
    main()
