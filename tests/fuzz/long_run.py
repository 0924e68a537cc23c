"""The long form, `python -m tests.fuzz.long_run --cases 60`: every document, all checks, answers in time.

Prints a summary of each document and what was wrong; the exit code is 1 where something was. A clean database and a
server of its own; `--database postgres` puts it on a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from tests.fuzz.schemathesis_run import DOCUMENTS, ask, target
from tests.postgres import Postgres


def main() -> int:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60, help="for each operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", nargs="+", choices=list(DOCUMENTS), default=list(DOCUMENTS))
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    words = parser.parse_args()
    wrong = 0
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Postgres()) if words.database == "postgres" else None
        one = stack.enter_context(target(postgres.url if postgres else ""))
        for document in words.documents:
            report = ask(one, document, cases=words.cases, seed=words.seed, slow=True)
            print(report.line, flush=True)
            if report.code:
                wrong += 1
                print(report.text, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
