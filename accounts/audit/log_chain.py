"""Audit of the staff audit log: no row changed, moved or removed, and the database triggers are in place."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.models import AuditEntry, AuditMark
from accounts.staff import audit_log, log_triggers
from core.clock import Now
from core.db.invariants import Breach

MARK = "record"
"""Name of the `AuditMark` up to which the chain was intact."""


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """Breaks in the chain of the audit log, missing entries and missing triggers. Reads all of it in batches."""
    if not log_triggers.are_installed():
        yield Breach(
            "record", "triggers", "the database would let rows be changed or removed", _install_triggers
        )
    marked = AuditMark.objects.filter(name=MARK).values_list("upto", flat=True).first() or 0
    newest = audit_log.newest()
    is_intact = newest >= marked
    if not is_intact:
        # A truncated chain is consistent in itself; only the mark shows that entries followed.
        yield Breach(
            "record", f"entries {newest + 1} to {marked}", "were there at an earlier audit and are gone"
        )
    for number, reason in audit_log.broken_entries():
        is_intact = False
        yield Breach("record", f"entry {number}", reason)
    if is_intact and newest > marked:
        AuditMark.objects.update_or_create(name=MARK, defaults={"upto": newest, "at": Now()})


def checked() -> dict[str, int]:
    """Number of audit log entries, for the report."""
    return {"acts on record": AuditEntry.objects.count()}


def _install_triggers() -> str:
    log_triggers.install()
    return "put the triggers back"
