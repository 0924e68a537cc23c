"""A supervisor in a process of its own, for tests: `python -m tests.servers.supervisor_process FOLDER` with parts as
JSON on stdin.

Each part is {"name", "code", "stage", "grace_s", "silent_s", "fork"}; `code` is Python that finds FOLDER in `here` and
may call `mark`. While FOLDER/refuse is there, nothing can be forked.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from core.processes.supervisor import Part, Supervisor

PRELUDE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from core.processes import pdeathsig
here = Path({here!r})
def mark(name, pid=None):
    with (here / name).open("a") as file:
        file.write(f"{{os.getpid() if pid is None else pid}}\\n")
def forever():
    # Shortly: a signal that comes as a sleep begins is only heard of when it ends.
    while True:
        time.sleep(0.5)
pdeathsig.arm()
"""


def _source(folder: Path, code: str) -> str:
    root = str(Path(__file__).resolve().parents[2])
    return PRELUDE.format(root=root, here=str(folder)) + code


def program(folder: Path, code: str) -> list[str]:
    """The command line of a child that runs `code` after the prelude."""
    return [sys.executable, "-c", _source(folder, code)]


def _part(folder: Path, one: dict[str, Any]) -> Part:
    return Part(
        one["name"],
        program(folder, one["code"]),
        stage=one.get("stage", 0),
        grace_s=one.get("grace_s", 5.0),
        silent_s=one.get("silent_s", 0.0),
        run=partial(exec, _source(folder, one["code"]), {}) if one.get("fork") else None,
    )


def main() -> None:
    folder = Path(sys.argv[1])
    refuse, fork = folder / "refuse", os.fork

    def limited() -> int:
        if refuse.exists():
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    os.fork = limited

    def tick() -> None:
        new = folder / "states.new"
        new.write_text(json.dumps(supervisor.states()))
        new.replace(folder / "states")

    supervisor = Supervisor([_part(folder, one) for one in json.load(sys.stdin)], fork=True, on_tick=tick)
    supervisor.run()


if __name__ == "__main__":
    main()
