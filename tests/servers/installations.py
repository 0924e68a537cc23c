"""Real installations for tests: a data folder of their own, real processes, and a way to look inside."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.servers import django_fork_server, installation_template
from tests.support.source_rules import ROOT

PYTHON = sys.executable
START_S = 300.0
"""Seconds until an installation is ready, a bare one on a machine under load: alone it needs some twenty."""


class Installation:
    """One installation on a data folder, on SQLite or on the database named; started with `start`.

    It runs what `script/server` runs once everything is installed: `python -m config.server.launcher`. The first
    start finds the
    static files, and a migrated database unless `bare`.
    """

    def __init__(self, data: Path, database_url: str = "", *, bare: bool = False, **settings: str) -> None:
        self.data, self.bare = data, bare
        self.env = django_fork_server.environment()
        self.env.pop("HOST", None)
        self.env |= {"DARKROOM_DATA": str(data), "PORT": "0", **settings}
        if database_url:
            self.env["DARKROOM_DATABASE_URL"] = database_url
        self.url = ""
        self.token = ""
        self.said: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._seen: set[psutil.Process] = set()

    @property
    def log(self) -> str:
        """Everything that its processes wrote to standard error."""
        path = self.data / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, seconds: float = START_S) -> Installation:
        """Start it and wait until it says that it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        installation_template.prepare_data(
            self.data, database=not self.bare and "DARKROOM_DATABASE_URL" not in self.env
        )
        with (self.data / "log").open("a") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "config.server.launcher"],
                cwd=ROOT, env=self.env, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        self.said = []
        process = self.process
        threading.Thread(target=self._listen, args=(process, self.said), daemon=True).start()
        eventually(lambda: self._ready() or process.poll() is not None, seconds, lambda: self.log[-3000:])
        assert self._ready(), self.log[-3000:]
        return self

    @staticmethod
    def _listen(process: subprocess.Popen[str], said: list[str]) -> None:
        assert process.stdout
        with process.stdout as lines:
            for line in lines:
                said.append(line.rstrip("\n"))

    def _ready(self) -> bool:
        for line in self.said:
            if line.startswith("Darkroom is ready: "):
                self.url = line.removeprefix("Darkroom is ready: ")
                return True
        return False

    def stop(self, number: int = signal.SIGTERM, seconds: float = 60) -> list[psutil.Process]:
        """Stop it by a signal; what is left of its processes afterwards (nothing, if all is well)."""
        assert self.process
        self.processes()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        self.process.wait(timeout=seconds)
        return self.left()

    def left(self) -> list[psutil.Process]:
        """Every running process of this installation, also of earlier starts."""
        self.processes()
        return [one for one in self._seen if _runs(one)]

    def end(self) -> None:
        """Kill whatever runs, and what that was just starting, until nothing is left that could write a file."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
        eventually(self._killed)

    def _killed(self) -> bool:
        for one in (found := self.left()):
            with contextlib.suppress(psutil.Error):
                one.kill()
        return not found

    def processes(self) -> list[psutil.Process]:
        """Every process with the installation's data folder in its environment, orphans included."""
        found = []
        for pid in _with_environment(f"DARKROOM_DATA={self.data}"):
            with contextlib.suppress(psutil.Error):
                if pid != os.getpid() and _runs(one := psutil.Process(pid)):
                    found.append(one)
        self._seen.update(found)
        return found

    def kinds(self) -> dict[str, list[psutil.Process]]:
        """The processes by kind: server, web, worker, watcher, sweep, engine, local, fork-server, its children
        sandbox and painters, and painter.
        """
        kinds: dict[str, list[psutil.Process]] = {}
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                kinds.setdefault(_kind(one), []).append(one)
        return kinds

    # -- by hand ---------------------------------------------------------------------------------------------
    def manage(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`manage.py ARGS` in the environment of the installation."""
        done = command(words, self.env)
        if check:
            done.check_returncode()
        return done

    def python(self, code: str) -> Any:
        """Run code inside the installation, with Django set up; it puts JSON into `answer`."""
        program = f"import json; answer = None\n{code}\nprint(json.dumps(answer))"
        done = django_fork_server.python(program, self.env)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    def request(self, path: str, body: Any = None, token: str = "", timeout: float = 30) -> tuple[int, Any]:
        """Status and JSON of a request to the running server."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, text.decode(errors="replace")


def command(words: tuple[str, ...], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`manage.py WORDS` in that environment, where it may be in a process that has imported everything."""
    if words[0] in django_fork_server.COMMANDS:
        return django_fork_server.manage(words, env)
    return subprocess.run(
        [PYTHON, "manage.py", *words],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def _with_environment(entry: str) -> Iterator[int]:
    """The ids of processes with that entry in their environment. Read here: it is asked many times a second."""
    wanted = entry.encode()
    for folder in os.listdir("/proc"):
        if folder.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{folder}/environ", "rb") as file:
                if wanted in file.read().split(b"\0"):
                    yield int(folder)


def _kind(one: psutil.Process) -> str:
    name = one.name()
    if name.startswith("dr-"):
        return name.removeprefix("dr-")
    words = one.cmdline()
    command = next(
        (after for word, after in itertools.pairwise(words) if word.endswith("manage.py")), "other"
    )
    return {"watch": "watcher"}.get(command, command)


def _runs(one: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    return False


def eventually(
    true: Callable[[], Any],
    seconds: float = 60,
    why: Callable[[], str] = lambda: "",
    *,
    pause_s: float = 0.25,
) -> Any:
    """The first true answer; an AssertionError when there is none in a generous time.

    It asks ever more seldom, as questions cost processor: at last every `pause_s`. What soon passes is asked for often.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds:
        if answer := true():
            return answer
        time.sleep(min(pause_s, 0.03 + waited / 10))
    raise AssertionError(f"it never came true. {why()}")


@contextlib.contextmanager
def run_installation(
    database_url: str = "", *, bare: bool = False, **settings: str
) -> Iterator[Installation]:
    """A fresh installation in a temporary folder, started; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="dk-") as folder:
        one = Installation(Path(folder), database_url, bare=bare, **settings)
        try:
            yield one.start()
        finally:
            one.end()
