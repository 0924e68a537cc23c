"""`python -m tests.clients [PYTEST ARGUMENTS]`: the published clients against a started server.

Exit codes are pytest's; 75 where everything passed that could run, but there is no Node for the JavaScript clients.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.clients import packages

HERE = Path(__file__).parent
COMING = HERE / "py2"
"""Tests of the generation of `replicate` that cannot live in one environment with the present one."""
NOTHING_CHOSEN = 5


def main(arguments: list[str]) -> int:
    """Run both halves and say what was left out."""
    javascript, why = _javascript()
    left_out = [] if javascript else ["--ignore-glob=*/test_javascript_*"]
    now = _pytest([f"--ignore={COMING}", *left_out, *arguments], {})
    coming = _pytest_of_the_coming_generation(arguments)
    codes = {now, coming} - {NOTHING_CHOSEN}
    if not codes:
        return NOTHING_CHOSEN
    if failed := codes - {0}:
        return max(failed)
    if not javascript:
        print(f"The clients for JavaScript were left out: {why}.", file=sys.stderr)
        return os.EX_TEMPFAIL
    return 0


def _javascript() -> tuple[bool, str]:
    try:
        packages.need_node()
    except packages.NoNode as error:
        return False, str(error)
    return True, ""


def _pytest_of_the_coming_generation(arguments: list[str]) -> int:
    """Only its own tests may be collected there: others import what the present generation has."""
    paths = [word for word in arguments if Path(word.split("::")[0]).exists()]
    if paths:
        inside = [word for word in paths if Path(word.split("::")[0]).resolve().is_relative_to(COMING)]
        around = any(COMING.is_relative_to(Path(word.split("::")[0]).resolve()) for word in paths)
        if not inside and not around:
            return NOTHING_CHOSEN
        chosen = [str(COMING)] if around else inside
        arguments = [word for word in arguments if word not in paths] + chosen
    else:
        arguments = [*arguments, str(COMING)]
    return _pytest(arguments, {"PYTHONPATH": str(packages.python())})


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "clients", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
