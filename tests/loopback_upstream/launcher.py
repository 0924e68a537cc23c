"""Starting the service: in a thread of this process, or as a process of its own that can be killed."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn

from tests.loopback_upstream import journal
from tests.loopback_upstream.app import Service
from tests.loopback_upstream.http_exchange import Wire
from tests.loopback_upstream.settings import TOKEN, Settings
from tests.support.source_rules import ROOT

READY_S = 30.0


def server(service: Service) -> uvicorn.Server:
    """An HTTP server for it, on a socket that is given to `run`."""
    config = uvicorn.Config(
        service, http=Wire, lifespan="off", ws="none", log_level="critical", access_log=False,
        timeout_graceful_shutdown=1, server_header=False, date_header=False,
    )  # fmt: skip
    return uvicorn.Server(config)


def listening(port: int = 0) -> socket.socket:
    """A socket on the loopback interface."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", port))
    found.listen(512)
    return found


class Upstream:
    """The service in a thread of its own, for the length of a `with` block. `url` is the API's base."""

    token = TOKEN

    def __init__(self, *, port: int = 0, mount: str = "/v1", **settings: Any) -> None:
        self.settings = Settings(**settings)
        self._first = replace(self.settings)
        self.service = Service(self.settings)
        self.port, self._mount = port, mount
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base that an operator would give."""
        return self.origin + self._mount

    def __enter__(self) -> Upstream:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.service.journal.close()

    def start(self) -> None:
        """Listen, on the same port as before; what it knew it still knows."""
        listener = listening(self.port)
        self.port = listener.getsockname()[1]
        self._server = server(self.service)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        give_up = time.monotonic() + READY_S
        while not self._server.started:
            if time.monotonic() > give_up or not self._thread.is_alive():
                raise AssertionError("the loopback upstream did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """Nobody listens any more; connections are cut."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(READY_S)
            self._server = self._thread = None

    # -- what a test asks ------------------------------------------------------------------------------------
    def fault(self, words: str, **where: Any) -> None:
        """Let something go wrong: see `Rules.add`."""
        self.service.rules.add(words, **where)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.service.rules.clear()

    def forget(self) -> None:
        """As if new, and with the settings that it began with."""
        vars(self.settings).update(vars(replace(self._first)))
        self.service.forget()

    def rows(self, what: str) -> list[dict[str, Any]]:
        """The journal's rows of one kind."""
        return self.service.journal.of(what)

    def starts(self) -> Counter[str]:
        """How many predictions were really started for each Idempotency-Key."""
        return journal.starts(list(self.service.journal.rows))


class UpstreamProcess:
    """The service as a process that may be killed at any moment; its journal is a file, so nothing of it is lost."""

    token = TOKEN

    def __init__(self, port: int, folder: Path, *options: str) -> None:
        self.port, self._options = port, options
        self.journal = folder / f"upstream-{port}.jsonl"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base that an operator would give."""
        return f"{self.origin}/v1"

    def start(self) -> UpstreamProcess:
        """Start it and wait until it answers."""
        words = ["--port", str(self.port), "--journal", str(self.journal), "--quiet", *self._options]
        self.process = subprocess.Popen([sys.executable, "-m", "tests.loopback_upstream", *words], cwd=ROOT)
        give_up = time.monotonic() + READY_S
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError):
                self.ask("/_settings")
                return self
            time.sleep(0.1)
        self.kill()
        raise AssertionError("the loopback upstream did not start")

    def ask(self, path: str, body: Any = None) -> Any:
        """The control's answer; raises OSError where nobody listens."""
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(
            urllib.request.Request(self.origin + path, data=data), timeout=60
        ) as answer:
            return json.loads(answer.read())

    def kill(self) -> None:
        """SIGKILL, and wait for it."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def forget_faults(self) -> None:
        """Nothing goes wrong any more, but what prompts ask for."""
        request = urllib.request.Request(f"{self.origin}/_faults", method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()

    def rows(self, what: str) -> list[dict[str, Any]]:
        """The journal's rows of one kind, of all its lives."""
        return [row for row in journal.read(self.journal) if row["what"] == what]

    def starts(self) -> Counter[str]:
        """How many predictions were really started for each Idempotency-Key, in all its lives."""
        return journal.starts(journal.read(self.journal))
