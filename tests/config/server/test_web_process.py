"""`manage.py web` as a process: takes a socket from its supervisor, stops in time, never survives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import django_fork_server

# Of PostgreSQL the process itself has a pool of connections, which must not keep it from ending.
pooled = pytest.mark.database

ROOT = Path(__file__).resolve().parents[3]


class Web:
    """The process, on a socket that this test keeps."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.leash, self.held_end = os.pipe()
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        fd = self.listener.fileno()
        env = {**os.environ, "DARKROOM_LEASH_FD": str(self.leash), "DJANGO_SETTINGS_MODULE": "tests.settings"}
        command = [sys.executable, "manage.py", "web", "--fd", str(fd)]
        return subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=(fd, self.leash))

    def get(self, path: str = "/nowhere") -> httpx.Response:
        """An answer of the process; a connection waits in the socket while none is accepted."""
        return httpx.get(f"http://127.0.0.1:{self.listener.getsockname()[1]}{path}", timeout=60)


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.process.kill()
    made.process.wait()
    made.listener.close()


@pooled
def test_it_serves_on_its_socket_ends_when_asked_and_what_came_meanwhile_is_answered_by_the_next(
    web: Web,
) -> None:
    assert web.get().status_code == 404
    # It may hold more connections than the usual limit.
    limits = Path(f"/proc/{web.process.pid}/limits").read_text()
    soft, hard = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3:5]
    assert int(soft) == min(int(hard), 65_536)

    web.process.send_signal(signal.SIGTERM)

    assert web.process.wait(60) == 0

    request = socket.create_connection(web.listener.getsockname())
    request.sendall(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")

    web.process = web.start()

    request.settimeout(60)
    assert request.recv(100).startswith(b"HTTP/1.1 404")
    request.close()

    # The next ends with its leash.
    os.close(web.held_end)

    assert web.process.wait(60) != 0


def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = django_fork_server.manage(
            ("web", "--port", port), {**os.environ, "DARKROOM_DATA": str(tmp_path)}
        )

    assert ended.returncode == 1
    assert "Cannot listen there: Address already in use." in ended.stderr
    assert "Traceback" not in ended.stderr
