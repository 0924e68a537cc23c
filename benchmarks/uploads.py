"""`script/benchmark uploads`: what it costs to remove uploads beside predictions that wait, and to delete their files.

The control is one UPDATE of a row by its key in the same database. Processor time is this process's and, on PostgreSQL,
the server's too; a transaction lasts until it is committed, and its own processor time is this process's alone.
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

GOALS = {"cpu": 200, "longest": 50}
"""Milliseconds that removing 200 uploads may take."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--waiting", type=int, default=300)
    parser.add_argument("--kilobytes", type=int, default=20, help="of each waiting prediction's input")
    parser.add_argument("--databases", default="sqlite,postgres")
    given = parser.parse_args()
    print(harness.machine())
    head = [
        "database",
        "what",
        "processor, ms",
        "longest transaction, ms",
        "its processor, ms",
        "control, ms",
    ]
    print(harness.table(head, []))
    with harness.scratch() as folder:
        for database in given.databases.split(","):
            found = measured(folder / database, database, given)
            for what, times in found["parts"].items():
                figures = [times["cpu"], times["longest"], times["longest_cpu"], found["control"]]
                print(f"| {database} | {what} | {' | '.join(map(harness.number, figures))} |", flush=True)
    print(f"\nGoals of the rows: processor ≤ {GOALS['cpu']} ms, no transaction over {GOALS['longest']} ms.")


def measured(
    folder: Path, database: str, given: argparse.Namespace
) -> dict[str, dict[str, dict[str, float]]]:
    """Milliseconds of each part."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        env = {**os.environ, **harness.UNLIMITED, "DARKROOM_DATA": str(folder)}
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.parts.uploads"]
        if database == "postgres":
            env["DARKROOM_DATABASE_URL"] = stack.enter_context(harness.postgres(folder))
            pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            command += ["--server", str(pid)]
        for name in ("uploads", "waiting", "kilobytes"):
            command += [f"--{name}", str(getattr(given, name))]
        done = subprocess.run(command, cwd=harness.ROOT, env=env, stdout=subprocess.PIPE, check=True)
    found: dict[str, dict[str, dict[str, float]]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
