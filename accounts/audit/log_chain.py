"""Checks of the record of staff: that nobody changed, moved or took out a row, and that the database still refuses."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.models import AuditEntry, AuditMark
from accounts.staff import audit_log, log_triggers
from core.clock import Now
from core.db.invariants import Breach

MARK = "record"
"""Up to which entry an audit saw it whole."""


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """What is wrong with the record. All of it is read, some hundred rows at a time."""
    if not log_triggers.is_there():
        yield Breach("record", "triggers", "the database would let rows be changed or removed", _guarded)
    seen = AuditMark.objects.filter(name=MARK).values_list("upto", flat=True).first() or 0
    newest = audit_log.newest()
    whole = newest >= seen
    if not whole:
        # What is left follows from itself: only who remembers knows that it went on.
        yield Breach(
            "record", f"entries {newest + 1} to {seen}", "were there at an earlier audit and are gone"
        )
    for number, why in audit_log.broken_entries():
        whole = False
        yield Breach("record", f"entry {number}", why)
    if whole and newest > seen:
        AuditMark.objects.update_or_create(name=MARK, defaults={"upto": newest, "at": Now()})


def checked() -> dict[str, int]:
    """How much there was to check."""
    return {"acts on record": AuditEntry.objects.count()}


def _guarded() -> str:
    log_triggers.install()
    return "put the triggers back"
