"""`python -m tests.again LANE [--bearing MARK] [PYTEST ARGUMENTS]`: one lane, with a second try for a few of its tests.

The suite starts servers, browsers and databases on machines that others may load at the same time. Where no more than
`FEW` tests of a lane fail, these alone are run once more, one after the other. Where all of them pass then, the lane
has passed; that it took two tries is told by name at the end of `script/test`. More failures are never tried again.

`--bearing` chooses the tests with a mark and reads the files alone that name it: pytest would import every test of the
suite, in each worker, to leave most of them out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

FEW = 3
CACHES = Path(".pytest_cache/lanes")
NOTES = "DARKROOM_TEST_SECOND_TRIES"
"""The variable with the file to which the names of tests that needed a second try are added."""
FAILED = 1


def pytest(lane: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> int:
    """Run pytest as the lane; its exit code, after the second try where there was one."""
    # Absolute: pytest would look for it from the folder of its settings.
    cache = (CACHES / lane.replace(" ", "-")).absolute()
    shutil.rmtree(cache, ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}", *arguments]
    code = subprocess.run(command, env=environment, check=False).returncode
    names = _failed(cache)
    if code != FAILED or not 1 <= len(names) <= FEW:
        return code
    print(f"\n{lane}: a second try, alone, for {', '.join(names)}\n", flush=True)
    # The last `-n` counts; nothing runs beside these.
    again = subprocess.run([*command, "--last-failed", "-n", "0"], env=environment, check=False).returncode
    if again == 0:
        _note(names)
    return again


def bearing(mark: str, arguments: list[str], folder: Path = Path("tests")) -> list[str]:
    """The arguments that choose the tests with that mark, the files first that may take longest.

    Where the arguments name files or folders, these decide where to look.
    """
    chosen = ["-m", mark, *arguments]
    if any(Path(word.split("::")[0]).exists() for word in arguments if word and not word.startswith("-")):
        return chosen
    texts = {path: path.read_text() for path in sorted(folder.rglob("test_*.py"))}
    files = [path for path, text in texts.items() if re.search(rf"\bmark\.{mark}\b", text)]
    files.sort(key=lambda path: -max(map(int, re.findall(r"mark\.timeout\((\d+)\)", texts[path])), default=0))
    return [*chosen, *map(str, files)]


def _main(words: list[str]) -> int:
    lane, *arguments = words
    if arguments[:1] == ["--bearing"]:
        arguments = bearing(arguments[1], arguments[2:])
    return pytest(lane, arguments)


def _failed(cache: Path) -> list[str]:
    try:
        return sorted(json.loads((cache / "v" / "cache" / "lastfailed").read_text()))
    except (OSError, ValueError):
        return []


def _note(names: list[str]) -> None:
    if path := os.environ.get(NOTES):
        with Path(path).open("a") as file:
            file.writelines(f"{name}\n" for name in names)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
