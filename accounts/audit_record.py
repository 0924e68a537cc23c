"""Checks of the record of staff: that nobody changed, moved or took out a row, and that the database still refuses."""

from __future__ import annotations

from collections.abc import Iterator

from accounts import record, record_guard
from accounts.audit import Breach
from accounts.clock import Now
from accounts.models import AuditEntry, AuditMark

MARK = "record"
"""Up to which entry an audit saw it whole."""


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """What is wrong with the record. All of it is read, some hundred rows at a time."""
    if not record_guard.is_there():
        yield Breach("record", "triggers", "the database would let rows be changed or removed", _guarded)
    seen = AuditMark.objects.filter(name=MARK).values_list("upto", flat=True).first() or 0
    newest = record.newest()
    whole = newest >= seen
    if not whole:
        # What is left follows from itself: only who remembers knows that it went on.
        yield Breach(
            "record", f"entries {newest + 1} to {seen}", "were there at an earlier audit and are gone"
        )
    for number, why in record.broken():
        whole = False
        yield Breach("record", f"entry {number}", why)
    if whole and newest > seen:
        AuditMark.objects.update_or_create(name=MARK, defaults={"upto": newest, "at": Now()})


def checked() -> dict[str, int]:
    """How much there was to check."""
    return {"acts on record": AuditEntry.objects.count()}


def _guarded() -> str:
    record_guard.install()
    return "put the triggers back"
