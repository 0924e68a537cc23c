"""A supervisor in a process of its own, for tests: `python -m tests.supervised FOLDER` with parts as JSON on stdin.

Each part is {"name", "code", "stage", "grace_s"}; `code` is Python that finds FOLDER in `here` and may call `mark`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from predictions.running.supervisor import Part, Supervisor

PRELUDE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from predictions.running import leash
here = Path({here!r})
def mark(name, pid=None):
    with (here / name).open("a") as file:
        file.write(f"{{pid or os.getpid()}}\\n")
def forever():
    # Shortly: a signal that comes as a sleep begins is only heard of when it ends.
    while True:
        time.sleep(0.5)
leash.arm()
"""


def program(folder: Path, code: str) -> list[str]:
    """The command line of a child that runs `code` after the prelude."""
    root = str(Path(__file__).resolve().parent.parent)
    return [sys.executable, "-c", PRELUDE.format(root=root, here=str(folder)) + code]


def main() -> None:
    folder = Path(sys.argv[1])
    parts = [
        Part(
            one["name"],
            program(folder, one["code"]),
            stage=one.get("stage", 0),
            grace_s=one.get("grace_s", 5.0),
        )
        for one in json.load(sys.stdin)
    ]

    def tick() -> None:
        new = folder / "states.new"
        new.write_text(json.dumps(supervisor.states()))
        new.replace(folder / "states")

    supervisor = Supervisor(parts, on_tick=tick)
    supervisor.run()


if __name__ == "__main__":
    main()
