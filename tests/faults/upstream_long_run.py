"""The long form, `python -m tests.faults.upstream_long_run --database sqlite|postgres`: 500 predictions, three
upstreams.

One dies, one asks to wait, one loses answers; meanwhile processes of the installation are killed. Prints a report; the
exit code is 1 where something was charged without a success, started twice, lost or left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from tests.faults.upstream_chaos import EVERY_KIND, chaos
from tests.postgres import Postgres


def main() -> int:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--predictions", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2, help="how often each kind of process is killed")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between kills, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--hurry", action="store_true", help="do not wait ten minutes for files that are gone"
    )
    words = parser.parse_args()
    kills = EVERY_KIND * words.rounds
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dk-upstreams-")))
        postgres = stack.enter_context(Postgres()) if words.database == "postgres" else None
        run = stack.enter_context(
            chaos(
                folder, words.predictions, kills, pause_s=words.pause, seed=words.seed, hurry=words.hurry,
                database_url=postgres.url if postgres else "",
            )
        )  # fmt: skip
        run.run(postgres)
        lines = [f"database: {words.database}, seed {words.seed}", *run.report.lines(), *run.lines()]
        if run.report.wrong:
            print(run.installation.log[-8000:], file=sys.stderr)
    print("\n".join(lines))
    return 1 if run.report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
