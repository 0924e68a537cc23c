"""`python -m tests.again LANE [PYTEST ARGUMENTS]`: one lane of the suite, with a second try for a few of its tests.

The suite starts servers, browsers and databases on machines that others may load at the same time. Where no more than
`FEW` tests of a lane fail, these alone are run once more, one after the other. Where all of them pass then, the lane
has passed; that it took two tries is told by name at the end of `script/test`. More failures are never tried again.
"""

from __future__ import annotations

import json
import os
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
    sys.exit(pytest(sys.argv[1], sys.argv[2:]))
