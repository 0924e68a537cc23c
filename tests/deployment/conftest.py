"""Web processes of their own, as an operator starts them beside one another: `manage.py web` without a supervisor."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.servers import installation_template
from tests.servers.installations import Installation, eventually
from tests.support.source_rules import ROOT


class Asked:
    """Whoever listens at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, token: str = "", **headers: str) -> httpx.Response:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.get(self.url + path, headers=headers, timeout=60, verify=False)

    def request(self, path: str, token: str = "", *, method: str = "GET", **more: Any) -> httpx.Request:
        """A request to be sent by `at_once`; `more` as httpx takes it: headers, cookies, json, data, files."""
        if token:
            more["headers"] = {"Authorization": f"Bearer {token}"}
        return httpx.Request(method, self.url + path, **more)

    def at_once(self, requests: Sequence[httpx.Request]) -> list[int]:
        """The statuses of requests that begin at the same moment, each on a connection of its own.

        Each must be another object: a client writes its limits into what it sends.
        """
        together = Barrier(len(requests))

        def one(request: httpx.Request) -> int:
            together.wait(60)
            # Nothing is encrypted here; to read the certificates of the world takes longer than the request.
            with httpx.Client(timeout=60, verify=False) as client:
                return client.send(request).status_code

        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(one, requests))


class Web(Asked):
    """`manage.py web` on a data folder and a port of its own; killed at the end of the test."""

    def __init__(self, data: Path, **settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.installation = Installation(data, **settings)
        self.installation.env |= {"DARKROOM_PROCESS_ROLE": "web"}
        super().__init__(f"http://127.0.0.1:{self.port}")
        self._log = data / "web.log"
        data.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "web", "--port", str(self.port)],
                cwd=ROOT, env=self.installation.env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        return self._log.read_text(errors="replace")

    def listens(self) -> Web:
        """Wait until connections are taken, and ask nothing."""

        def taken() -> bool:
            assert self.process.poll() is None, self.log[-3000:]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        eventually(taken, 120, lambda: self.log[-3000:])
        return self

    def ended(self, seconds: float = 60) -> tuple[int, str]:
        """Wait for its end: exit code and log."""
        return self.process.wait(seconds), self.log

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


StartWeb = Callable[..., Web]


@pytest.fixture
def start_web(tmp_path: Path) -> Iterator[StartWeb]:
    """A function that starts a web process: `start_web("name", **settings)`, its data folder migrated unless `bare`."""
    started: list[Web] = []

    def start(name: str = "web", *, bare: bool = False, **settings: str) -> Web:
        data = tmp_path / name
        if not bare:
            installation_template.prepare_data(data, database="DARKROOM_DATABASE_URL" not in settings)
        started.append(Web(data, **settings))
        return started[-1]

    yield start
    for web in started:
        web.end()


TOKEN_OF_A_MEMBER = """
from accounts.tokens import api_tokens
from accounts.models import User
from accounts.personal_accounts import ensure_account
user, made = User.objects.get_or_create(username="mia", defaults={"email": "mia@localhost.localdomain"})
ensure_account(user)
answer = api_tokens.issue(user, "test")[1]
"""


def member_token(installation: Installation) -> str:
    """An API token of a member, who is made where there is none."""
    return str(installation.python(TOKEN_OF_A_MEMBER))


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of its own, in a folder of its own."""
    from tests.servers import redis_server

    try:
        redis_server.binary()
    except redis_server.NoRedis as missing:
        pytest.skip(str(missing))
    with redis_server.running() as url:
        yield url
