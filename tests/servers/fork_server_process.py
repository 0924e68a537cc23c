"""A fork server as the top process starts it: the test holds both ends of its socket, and restarts it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator

import psutil

from core.processes import programs
from core.processes.fork_server import client
from tests.servers.installations import eventually


class ForkServerOwner:
    """Holds the control socket; `start` starts one server on it, as often as it is called."""

    def __init__(self) -> None:
        self.ours, self.theirs = client.pair()
        self.started: list[subprocess.Popen[bytes]] = []

    @property
    def variables(self) -> dict[str, str]:
        """What parts find in their environment; they inherit the descriptor too."""
        return {client.VARIABLE: str(self.ours.fileno())}

    def start(self, *fds: int, **more: str) -> psutil.Process:
        """Another server, in the environment of this process."""
        fd = self.theirs.fileno()
        one = subprocess.Popen(
            client.command(fd),
            env={**os.environ, **programs.python_path(), **more},
            pass_fds=(fd, *fds),
            stdin=subprocess.DEVNULL,
        )
        self.started.append(one)
        process = psutil.Process(one.pid)
        eventually(lambda: process.name() == "dr-fork-server")
        return process

    def end(self) -> None:
        """Kill every server, and what hangs on it."""
        for one in self.started:
            one.kill()
            one.wait()
        for end in (self.ours, self.theirs):
            end.close()


@contextlib.contextmanager
def held() -> Iterator[ForkServerOwner]:
    """A top process without any server yet."""
    top = ForkServerOwner()
    try:
        yield top
    finally:
        top.end()


def below(one: psutil.Process, name: str) -> list[psutil.Process]:
    """The descendants of a process that have this name."""
    found = []
    with contextlib.suppress(psutil.Error):
        for child in one.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.name() == name:
                    found.append(child)
    return found


def loads(one: psutil.Process, library: str) -> bool:
    """Whether a process has mapped a library."""
    return any(library in region.path for region in one.memory_maps())


def oom_score(one: psutil.Process) -> int:
    """What the kernel adds to a process when memory ends."""
    with open(f"/proc/{one.pid}/oom_score_adj") as file:
        return int(file.read())
