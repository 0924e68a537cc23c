"""A desk without a service behind it: what a model's code tells is kept in lists."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from predictions.engine.desk import Desk


class KeptDesk(Desk):
    """Files go into `folder`; everything told is in `told`, in order."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(os.open(os.devnull, os.O_WRONLY), folder)
        self.folder = folder
        self.told: list[dict[str, Any]] = []

    def _send(self, event: dict[str, Any]) -> None:
        self.told.append(event)

    @property
    def logs(self) -> list[str]:
        """The lines of the log."""
        return [event["log"] for event in self.told if "log" in event]

    @property
    def outputs(self) -> list[str]:
        """Names of the announced files, in order."""
        return [event["output"]["name"] for event in self.told if "output" in event]
