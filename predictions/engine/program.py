"""The engine as a program, `python -m predictions.engine`: how it is started, and its settings in the environment.

No Django: `manage.py engine` and `manage.py work` translate Django's settings. The service of local weights is started
in the same way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from predictions.engine import logs
from predictions.engine.server import EngineError
from predictions.running import kin

_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Place:
    """Where a service listens, where it works, and the secret that it demands. `name`: engine or local."""

    name: str
    socket: Path
    secret: str = field(repr=False)
    folder: Path
    """For this service alone; it is emptied at its start."""

    def environment(self) -> dict[str, str]:
        """The place in the variables that the program reads."""
        return {
            self._variable("SOCKET"): str(self.socket),
            self._variable("SECRET"): self.secret,
            self._variable("FOLDER"): str(self.folder),
        }

    @classmethod
    def of_environment(cls, name: str) -> Place:
        """The place that the environment names. Raises `EngineError` where a part of it is missing."""
        empty = cls(name, Path(), "", Path())
        socket, secret, folder = (setting(empty._variable(end)) for end in ("SOCKET", "SECRET", "FOLDER"))
        return cls(name, Path(socket), secret, Path(folder))

    def _variable(self, end: str) -> str:
        return f"DARKROOM_{self.name.upper()}_{end}"


def setting(name: str) -> str:
    """A variable that must be there. Raises `EngineError`."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise EngineError(f"{name} is not set.")
    return value


def flag(name: str) -> bool:
    """Whether a variable says yes; what it may say was checked by Django's settings."""
    return os.environ.get(name, "").strip().lower() in _TRUE


def run(name: str, serve: Callable[[], None]) -> int:
    """Call `serve` as the program that `ps` shows under this name; its exit code."""
    os.umask(0o077)
    kin.call_this_process(f"dr-{name}")
    level = os.environ.get("DARKROOM_LOG_LEVEL", "").strip().upper() or "INFO"
    logs.configure(level, as_json=flag("DARKROOM_LOG_JSON"))
    try:
        serve()
    except EngineError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0
