"""`script/benchmark gallery`: lists, searches and counts over a million items; with `--page` the page in Chromium, too.

Every figure is a ratio to a control of the same round: one row by its primary key, with the files, model and author
that a tile needs (the bare row stands beside it). Filling takes about three minutes on SQLite and five on PostgreSQL,
measuring one each; 5 GB of disk. `--keep FOLDER` leaves the filled databases there, and finds them the next time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.harness import Series

BARE, FULL = "a row", "a row with its files"
# The first that a case's name begins with; ratio to the control on SQLite and on PostgreSQL.
GOALS = {
    "first page": (12, 3), "middle page": (12, 3), "library, first page": (12, 3), "library, middle page": (12, 3),
    "count": (10, 10), "search, rare": (60, 10), "search": (60, 200), "": (20, 4),
}  # fmt: skip
APART = ("first page", "middle page", 1.5)
"""How far the two may be from each other."""
FILLED = "filled"
HEAD = ["case", "ms", "ratio", "to the bare row", "goal", "", "statements", "ms with its objects"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--page", action="store_true", help="Open the first page in Chromium, too.")
    parser.add_argument("--page-alone", action="store_true", help="Nothing but the page.")
    parser.add_argument("--keep", type=Path, help="A folder where the filled databases stay.")
    parser.add_argument("--json", type=Path, help="Keep the raw figures here.")
    given = parser.parse_args()
    print(harness.machine(), flush=True)
    kept: dict[str, Any] = {"machine": harness.machine()}
    with harness.scratch() if given.keep is None else contextlib.nullcontext(given.keep) as folder:
        for database in given.databases.split(","):
            with filled(folder / database, database, given.items, keep=given.keep is not None) as env:
                kept[database] = measured(env, database, given)
    print(harness.machine())
    harness.save(given.json, kept)


@contextlib.contextmanager
def filled(folder: Path, database: str, items: int, *, keep: bool) -> Iterator[dict[str, str]]:
    """A database of that kind with so many items; the environment of an installation over it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        env = {"DARKROOM_DATA": str(folder), "DARKROOM_ENGINE": "0"}
        if database == "postgres":
            env["DARKROOM_DATABASE_URL"] = stack.enter_context(harness.postgres(folder, keep=keep))
        mark = folder / FILLED
        if not mark.exists() or mark.read_text() != str(items):
            part(env, "million", "--items", str(items))
            mark.write_text(str(items))
        yield env


def part(env: dict[str, str], name: str, *words: str) -> str:
    """What a part of the benchmark prints, run in an environment of its own."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.parts.{name}", *words]
    done = subprocess.run(
        command, cwd=harness.ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


def measured(env: dict[str, str], database: str, given: argparse.Namespace) -> dict[str, Any]:
    """All cases over one database; prints the tables and gives the raw figures."""
    found: dict[str, Any] = {}
    if not given.page_alone:
        found = json.loads(part(env, "lists", "--rounds", str(given.rounds)))
        print(f"\n{database}, {given.items:,} items\n\n" + harness.table(HEAD, rows(found, database)))
        print(_remarks(found), flush=True)
    if given.page or given.page_alone:
        from benchmarks.parts import opened

        found["page"] = opened.measured(env, given.rounds)
        print(f"\n{database}: the first page in Chromium\n\n" + opened.told(found["page"]), flush=True)
    return found


def rows(found: dict[str, Any], database: str) -> list[list[str]]:
    """The cells of `HEAD` for each case."""
    sent = {name: Series(name, one["sent"]) for name, one in found.items()}
    made = []
    for name, one in found.items():
        ratio = sent[name].ratio_to(sent[FULL])
        goal = "" if name in (BARE, FULL) else str(goal_of(name, database))
        met = "" if not goal else "met" if ratio.median <= float(goal) else "missed"
        whole = harness.number(Series(name, one["whole"]).median)
        bare = harness.number(sent[name].ratio_to(sent[BARE]).median)
        cells = [name, str(sent[name]), str(ratio), bare, goal and f"≤ {goal}", met]
        made.append([*cells, str(one["statements"]), whole])
    return made


def goal_of(name: str, database: str) -> int:
    """The ratio to the control that is asked for."""
    chosen = next(goals for start, goals in GOALS.items() if name.startswith(start))
    return chosen[0 if database == "sqlite" else 1]


def _remarks(found: dict[str, Any]) -> str:
    first, middle, most = APART
    pair = [Series(name, found[name]["sent"]) for name in (first, middle)]
    apart = pair[1].ratio_to(pair[0]).median
    words = "met" if 1 / most <= apart <= most else "missed"
    control = Series(FULL, found[FULL]["sent"])
    swings = "; the control swings: the ratios decide nothing" if control.swing > harness.SWING else ""
    return f"\nA middle page takes {apart:.2f} × the first (within {most} ×: {words}){swings}."


if __name__ == "__main__":
    main()
