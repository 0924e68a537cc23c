"""Where admin pages write what was done there: an append-only log that an app hands in, beside Django's own log."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from django.db.models import Model


class ChangeLog(Protocol):
    """An audit log: a module or an object with these functions. `write_change` runs in the change's transaction."""

    def gathered(self) -> AbstractContextManager[Any]:
        """Hold back what is written inside until the end of the block, so that its locks come last."""

    def newest(self) -> int:
        """The number of the newest entry; 0 where there is none."""

    def has_since(self, number: int, row: Model, /) -> bool:
        """Whether an entry about that row was written after that number."""

    def write_change(
        self, user: Any, action: str, row: Model | None = None, *, reason: str = "", detail: Any = None
    ) -> Any:
        """Write one entry: who did what (`model.verb`) to which row, and why."""


_log: ChangeLog | None = None


def use(log: ChangeLog) -> None:
    """Have every admin page write there. Called once, as the apps are ready."""
    global _log
    _log = log


def current() -> ChangeLog:
    """The log that is used. Raises RuntimeError where no app has handed one in."""
    if _log is None:
        raise RuntimeError("No app has called core.admin.change_log.use.")
    return _log
