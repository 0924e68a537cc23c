"""Address of an engine service: Unix socket, secret and work folder, passed in environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ServiceAddress:
    """Unix socket, work folder and bearer secret of a service. `name`: engine or local."""

    name: str
    socket: Path
    secret: str = field(repr=False)
    folder: Path
    """Work folder of this service alone, emptied when it starts."""

    def environment(self) -> dict[str, str]:
        """The address as environment variables of the service's program."""
        return {
            self._variable("SOCKET"): str(self.socket),
            self._variable("SECRET"): self.secret,
            self._variable("FOLDER"): str(self.folder),
        }

    @classmethod
    def of_environment(cls, name: str) -> ServiceAddress:
        """The address from the environment. Raises `EngineError` where a variable is missing."""
        empty = cls(name, Path(), "", Path())
        socket, secret, folder = (
            required_variable(empty._variable(end)) for end in ("SOCKET", "SECRET", "FOLDER")
        )
        return cls(name, Path(socket), secret, Path(folder))

    def _variable(self, end: str) -> str:
        return f"DARKROOM_{self.name.upper()}_{end}"


def required_variable(name: str) -> str:
    """The value of a required environment variable. Raises `EngineError`."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise EngineError(f"{name} is not set.")
    return value


class EngineError(Exception):
    """The engine cannot start; the text says why and what to change."""
