"""Change log of the admin (`core.admin.change_log`), written to the audit log."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.db.models import Model

from accounts.models import Account
from accounts.staff import audit_log


class AdminLog:
    """Writes changes made in the admin to the audit log, with the account they concern."""

    def gathered(self) -> AbstractContextManager[Any]:
        return audit_log.gathered()

    def newest(self) -> int:
        return audit_log.newest()

    def has_since(self, since: int, row: Model) -> bool:
        return audit_log.has_since(since, row)

    def write(
        self, user: Any, action: str, row: Model | None = None, *, reason: str = "", detail: Any = None
    ) -> None:
        audit_log.write(user, action, row, reason=reason, account=_account_of(row), detail=detail)


def _account_of(row: Model | None) -> int | None:
    if isinstance(row, Account):
        return row.pk
    found = getattr(row, "account_id", None)
    return found if isinstance(found, int) else None
