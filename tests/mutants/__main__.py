"""Put one fault after the other into a copy of the tree and run the tests that ought to notice it.

`python -m tests.mutants [AREA …]`; a fault can be named as `credits:3`. At the end the tests that failed run once more,
without any fault: one that fails then as well has noticed nothing. The tree itself is left alone: the copy is in a
temporary folder and goes at the end. On SQLite but where a fault needs PostgreSQL, and one test file at a time, to be
kind to a busy machine.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.mutants import Mutant

ROOT = Path(__file__).resolve().parent.parent.parent
AREAS = ("credits", "lifecycle", "dispatch", "files", "access", "dialects")
LIMIT_S = 900
NOBODY = "**nobody**"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_KEPT = (".pytest_cache/migrated",)
"""Of what git ignores: the migrated database, which takes half a minute to make."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "areas", nargs="*", default=AREAS, help=f"{', '.join(AREAS)}, or one such as credits:3"
    )
    parser.add_argument("--write", type=Path, help="a file for the table, written again after each fault")
    parser.add_argument("--list", action="store_true", help="say what there is and end")
    given = parser.parse_args()
    chosen = dict(_chosen(given.areas))
    if given.list:
        for name, mutant in chosen.items():
            print(f"{name:14} {mutant.file}: {mutant.breaks}")
        return 0
    with tempfile.TemporaryDirectory(prefix="darkroom-mutants-") as folder:
        # Of the same name: it is part of the migrated database's.
        copy = Path(folder) / ROOT.name
        copy_tree(copy)
        found: dict[str, str] = {}
        for name, mutant in chosen.items():
            found[name] = tried(copy, mutant)
            print(row(name, mutant, found[name]), flush=True)
            if given.write:
                given.write.write_text(table(chosen, found))
        for on_postgres in (False, True):
            mine = {name for name, mutant in chosen.items() if mutant.on_postgres == on_postgres}
            tests = sorted({found[name] for name in mine if "::" in found[name]})
            for test in failing(copy, *tests, on_postgres=on_postgres):
                print(f"Fails without any fault: {test}")
                found |= {name: NOBODY for name in mine if found[name] == test}
    if given.write:
        given.write.write_text(table(chosen, found))
    missed = sum(one == NOBODY for one in found.values())
    print(f"{len(found) - missed} of {len(found)} faults were noticed.")
    return 1 if missed else 0


def _chosen(areas: list[str] | tuple[str, ...]) -> Iterator[tuple[str, Mutant]]:
    for area in areas:
        module, _colon, number = area.partition(":")
        mutants = importlib.import_module(f"tests.mutants.{module}").MUTANTS
        for at, mutant in enumerate(mutants, start=1):
            if not number or int(number) == at:
                yield f"{module}:{at}", mutant


def row(name: str, mutant: Mutant, noticed: str) -> str:
    """A line of the table."""
    return f"| {name} | {mutant.file} | {mutant.breaks} | {noticed} |"


def table(chosen: dict[str, Mutant], found: dict[str, str]) -> str:
    """What was found so far, as Markdown."""
    missed = sum(one == NOBODY for one in found.values())
    head = "| fault | in | what it breaks | noticed by |\n| --- | --- | --- | --- |"
    rows = [row(name, chosen[name], noticed) for name, noticed in found.items()]
    return "\n".join([f"{len(found) - missed} of {len(found)} noticed.\n", head, *rows, ""])


def copy_tree(copy: Path) -> None:
    """The files that git knows or does not ignore, beside the environment and the migrated database."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, copy / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in _KEPT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name)
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())


def tried(copy: Path, mutant: Mutant) -> str:
    """Which test notices this fault first, or that nobody does."""
    file = copy / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        return f"**not there any more** ({text.count(mutant.old)} times)"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        for path in mutant.tests:
            if failed := failing(copy, path, first=True, on_postgres=mutant.on_postgres):
                return failed[0]
    finally:
        file.write_text(text, encoding="utf-8")
    return NOBODY


def failing(copy: Path, *paths: str, first: bool = False, on_postgres: bool = False) -> list[str]:
    """The tests of these files or folders that fail, the `first` or all; the paths where the run itself breaks."""
    if not paths:
        return []
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "--no-header",
        *paths,
        *(["-x"] if first else []),
    ]
    if on_postgres:
        words = [sys.executable, "-m", "tests.postgres", *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "PYTEST_"))}
    try:
        done = subprocess.run(
            words, cwd=copy, env=env, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return [f"{' '.join(paths)} (ran for more than {LIMIT_S} s)"]
    if found := _FAILED.findall(done.stdout):
        return list(found)
    # 4 and 5: there is no such test, or none was chosen.
    return [f"{' '.join(paths)} (ended with {done.returncode})"] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
