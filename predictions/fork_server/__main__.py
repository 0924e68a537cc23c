"""`python -P -m predictions.fork_server CONTROL_FD`: the fork server (`server.py`)."""

from __future__ import annotations

import os
import sys

from predictions.fork_server import client

_CLEAN = "clean"


def main() -> None:
    """Serve, without secrets in the environment: started with a fuller one, the program starts itself once more."""
    control, wanted = int(sys.argv[1]), client.environment()
    # By name: glibc cuts the text of its own settings to pieces.
    if set(os.environ) != set(wanted) and _CLEAN not in sys.argv:
        os.execve(sys.executable, [*client.command(control), _CLEAN], wanted)  # noqa: S606
    # Only now: a process that starts itself once more should not load it twice.
    from predictions.fork_server import server

    server.serve(control)


if __name__ == "__main__":
    main()
