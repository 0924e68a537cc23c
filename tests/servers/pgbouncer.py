"""A throw-away pgbouncer for tests, in transaction mode, in front of a PostgreSQL that listens on a socket."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

CONFIGURATION = """
[databases]
{name} = host={host} dbname={name} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
logfile = {folder}/log
pidfile = {folder}/pid
"""


class NoPgbouncer(Exception):
    """There is none to be started here."""


@contextlib.contextmanager
def running(database_url: str, *, mode: str = "transaction", size: int = 4) -> Iterator[str]:
    """What DARKROOM_DATABASE_URL takes to reach that database through a pgbouncer. Raises NoPgbouncer."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        raise NoPgbouncer("No pgbouncer is installed.")
    parts = urlsplit(database_url)
    name, host = parts.path.strip("/"), parse_qs(parts.query)["host"][0]
    with tempfile.TemporaryDirectory(prefix="dkbouncer-", dir="/tmp") as made, socket.socket() as probe:
        folder = Path(made)
        folder.chmod(0o777)
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        text = CONFIGURATION.format(name=name, host=host, port=port, mode=mode, size=size, folder=folder)
        (folder / "ini").write_text(text)
        # It refuses to run as root.
        who = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
        process = subprocess.Popen(
            [program, str(folder / "ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who
        )
        try:
            _wait(port)
            yield f"postgres://postgres@127.0.0.1:{port}/{name}"
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int) -> None:
    for _time in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("pgbouncer did not answer.")
