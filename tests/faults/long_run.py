"""The long form, `python -m tests.faults.long_run --database sqlite|postgres`: 100 predictions, each kind killed twice.

Prints a report; the exit code is 1 where something was lost, paid twice or left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from tests.faults.harness import EVERY_KIND, Faults
from tests.postgres import Postgres
from tests.servers.installations import run_installation


def main() -> int:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--predictions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2, help="how often each kind of process is killed")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between kills, on average")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Postgres()) if words.database == "postgres" else None
        one = stack.enter_context(run_installation(postgres.url if postgres else ""))
        kills = EVERY_KIND * words.rounds
        report = Faults(one, words.predictions, kills, pause_s=words.pause, seed=words.seed).run(postgres)
        if report.wrong:
            print(one.log[-8000:], file=sys.stderr)
    print("\n".join([f"database: {words.database}, seed {words.seed}", *report.lines()]))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
