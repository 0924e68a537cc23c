"""A real server: `config.server.launcher`, as `script/server` starts it, with a data folder and a port of its own."""

from __future__ import annotations

import copy
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from tests.servers import django_fork_server, installation_template
from tests.servers.installations import START_S, command

BASE = Path(__file__).resolve().parents[2]

_MEMBER = """
from accounts import credits
from accounts.tokens import api_tokens
from accounts.models import MICRO, User
from accounts.personal_accounts import ensure_account
user, _ = User.objects.get_or_create(username={name!r})
credits.grant(ensure_account(user), 1000 * MICRO, reason="test")
print(api_tokens.issue(user, "test")[1])
"""


class ServerProcess:
    """Started on entering, stopped on leaving. `url`, `password` of `admin`, its `token`."""

    def __init__(self, **settings: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="darkroom-server-")
        self.data = Path(self._folder.name)
        self.port = _free_port()
        own = {"DARKROOM_DATA": str(self.data), "PORT": str(self.port), **settings}
        self.environment = django_fork_server.environment() | own
        self.lines: list[str] = []
        self.url = self.password = self.token = ""

    def __enter__(self) -> ServerProcess:
        installation_template.prepare_data(
            self.data, database="DARKROOM_DATABASE_URL" not in self.environment
        )
        with (self.data / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.server.launcher"],
                cwd=BASE,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        if not ready.wait(START_S):
            self.__exit__(None, None, None)
            raise AssertionError("The server was never ready:\n" + "\n".join(self.lines))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(30)
        self._folder.cleanup()

    def _read(self, ready: threading.Event) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._take(line)
                if self.url and self.password and self.token:
                    ready.set()

    def _take(self, line: str) -> None:
        self.lines.append(line.rstrip())
        if found := re.match(r"Darkroom is ready: (\S+)", line):
            self.url = found.group(1)
        elif found := re.match(r"Administrator: admin (\S+)", line):
            self.password = found.group(1)
        elif line.startswith("curl "):
            self.token = re.search(r"Bearer (dr_\w+)", line).group(1)  # type: ignore[union-attr]

    def member(self, name: str) -> ServerProcess:
        """The same server, with the token of a member with a thousand credits in place of the administrator's."""
        done = django_fork_server.python(_MEMBER.format(name=name), self.environment)
        assert done.returncode == 0, done.stderr
        one = copy.copy(self)
        one.token = done.stdout.split()[-1]
        return one

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command beside the server."""
        return command(arguments, self.environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
