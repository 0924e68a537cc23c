"""Watches what a piece of work writes, and whether it writes anything behind the audit log's entry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from accounts.models import AuditEntry

NOT_ACTS = frozenset({"django_session", "accounts_signin", "usersessions_usersession", "django_admin_log"})
"""Tables in which a row is no act: who is here, and Django's own log."""


@contextmanager
def recorded_writes() -> Iterator[tuple[set[str], list[str]]]:
    """The tables that are written to meanwhile; and what is written behind the record, in the same transaction."""
    tables: set[str] = set()
    behind: list[str] = []
    state = {"depth": 0, "written": False}

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SAVEPOINT"):
            state["depth"] += 1
        elif sql.startswith(("RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")):
            state["depth"] -= sql.startswith("RELEASE")
            state["written"] = state["written"] and state["depth"] > 0
        written = re.match(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?', sql)
        if written and written[1] == AuditEntry._meta.db_table:
            state["written"] = state["depth"] > 0
        elif written and written[1] not in NOT_ACTS - {"django_admin_log"}:
            tables.update({written[1]} - NOT_ACTS)
            if state["written"]:
                behind.append(sql[:120])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield tables, behind
