"""Audit log of changes made in the admin: an app registers it. It is written beside Django's own log."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from django.db.models import Model


class ChangeLog(Protocol):
    """An audit log: a module or an object with these functions. `write_change` runs in the change's transaction."""

    def gathered(self) -> AbstractContextManager[Any]:
        """Collect entries written inside and append them at the end of the block, so that the log is locked last."""

    def newest(self) -> int:
        """The number of the newest entry; 0 where there is none."""

    def has_since(self, number: int, row: Model, /) -> bool:
        """Whether an entry about that row was written after that number."""

    def write_change(
        self, user: Any, action: str, row: Model | None = None, *, reason: str = "", detail: Any = None
    ) -> Any:
        """Write an entry: the user, the action (`model.verb`), the row, and the reason."""


_log: ChangeLog | None = None


def use(log: ChangeLog) -> None:
    """Register the log that all admin pages write. Called once, in `AppConfig.ready`."""
    global _log
    _log = log


def current() -> ChangeLog:
    """The registered log. Raises RuntimeError where there is none."""
    if _log is None:
        raise RuntimeError("No app has called core.admin.change_log.use.")
    return _log
