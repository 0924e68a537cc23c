"""`python -m tests.clients [PYTEST ARGUMENTS]`: the published clients, all against one started server.

Exit codes are pytest's; 75 where everything passed that could run, but there is no Node for the JavaScript clients.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests import lane
from tests.clients import packages
from tests.clients.suite import running

HERE = Path(__file__).parent
COMING = HERE / "replicate_v2"
"""Tests of the generation of `replicate` that cannot live in one environment with the present one."""
NOTHING_CHOSEN = 5


def main(arguments: list[str]) -> int:
    """Run both halves against one server and say what was left out."""
    present, coming = _present(arguments), _coming(arguments)
    if present is None and coming is None:
        return NOTHING_CHOSEN
    why = _why_no_javascript() if present else ""
    left_out = ["--ignore-glob=*/test_javascript_*"] if why else []
    with lane.told("official clients with their server"), running() as suite:
        codes = {
            _pytest(present, [f"--ignore={COMING}", *left_out], lambda: suite.environment),
            _pytest(coming, [], lambda: {"PYTHONPATH": str(packages.python()), **suite.environment}),
        } - {NOTHING_CHOSEN}
    if not codes:
        return NOTHING_CHOSEN
    if failed := codes - {0}:
        return max(failed)
    if why:
        print(f"The clients for JavaScript were left out: {why}.", file=sys.stderr)
        return os.EX_TEMPFAIL
    return 0


def _why_no_javascript() -> str:
    """Fetches what the tests need, so that none of them waits for it; why it cannot be run here, or nothing."""
    try:
        packages.npm()
    except packages.NoNode as error:
        return str(error)
    return ""


def _path(word: str) -> Path | None:
    """The file or folder that an argument names, if it names one."""
    path = Path(word.split("::")[0])
    return path.resolve() if word and path.exists() else None


def _present(arguments: list[str]) -> list[str] | None:
    """The arguments for the present generation; None where they name other tests alone, or those of the coming one."""
    if not any(map(_path, arguments)):
        return [*arguments, str(HERE)]
    kept = [word for word in arguments if not (found := _path(word)) or not found.is_relative_to(COMING)]
    ours = [found for word in kept if (found := _path(word))]
    return kept if any(one.is_relative_to(HERE) or HERE.is_relative_to(one) for one in ours) else None


def _coming(arguments: list[str]) -> list[str] | None:
    """The arguments for the coming one. Nothing else may be collected there: it imports what only the present has."""
    options = [word for word in arguments if not _path(word)]
    named = [(word, found) for word in arguments if (found := _path(word))]
    if not named or any(COMING.is_relative_to(found) for _, found in named):
        return [*options, str(COMING)]
    inside = [word for word, found in named if found.is_relative_to(COMING)]
    return [*options, *inside] if inside else None


def _pytest(
    arguments: list[str] | None, options: list[str], environment: Callable[[], dict[str, str]]
) -> int:
    if arguments is None:
        return NOTHING_CHOSEN
    return lane.pytest(
        "official clients", ["-m", "clients", *options, *arguments], {**os.environ, **environment()}
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
