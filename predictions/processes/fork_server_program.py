"""Entry point of the fork server: `python -P -m predictions.processes.fork_server_program CONTROL_FD`.

Two kinds of children: `files` opens an untrusted file (over a stream socket; `memory` in bytes, `cpu` in seconds),
`painters` forks the engine's painters (over a SEQPACKET socket).
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from core.processes.fork_server import client

_CLEAN = "clean"


def main() -> None:
    """Serve, with no secrets in the environment: started with a fuller one, the program re-executes itself without."""
    control, environment = int(sys.argv[1]), client.environment()
    # Compared by name: glibc splits the text of its own variables.
    if set(os.environ) != set(environment) and _CLEAN not in sys.argv:
        os.execve(sys.executable, [*client.command(control), _CLEAN], environment)  # noqa: S606
    # Only after the re-execution, so that nothing is imported twice.
    from core.processes.fork_server import server
    from predictions.files import sandbox

    kinds = {
        "files": server.ChildKind(_open_files, reports_end=True),
        "painters": server.ChildKind(_fork_painters, keeps_leash=True),
    }
    server.serve(control, kinds, sandbox.warm_up)


def _open_files(order: dict[str, Any], theirs: int) -> None:
    from predictions.files import sandbox

    sandbox.run_jobs(order["memory"], order["cpu"], theirs)


def _fork_painters(_order: dict[str, Any], theirs: int) -> None:
    # Imported here: a server that forks no painters needs none of it.
    from engine.server import painter_server

    painter_server.serve(socket.socket(fileno=theirs))


if __name__ == "__main__":
    main()
