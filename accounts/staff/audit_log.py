"""The record of what staff did: the only writer of `AuditEntry`. A row is written in the transaction of its act.

Rows are numbered without a gap and each carries the digest of the one before, so that `broken` finds a row that was
changed, moved or taken out; triggers of the database refuse both. Writers wait for each other from here to the end of
their transaction, so it is written last, behind every other row: who held the record and then waited for a row would
meet one who holds that row and waits for the record. An act that is made of others has theirs `gathered`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from accounts.models import Account, AuditEntry, User

FIRST = "0" * 64
_LOCK = 0x7265636F7264
"""Of the record, among PostgreSQL's advisory locks."""
_LONGEST = 2000
"""Characters of one value in the detail."""
_MOST = 200
"""Values of one list or object in it."""
_kept: ContextVar[list[AuditEntry] | None] = ContextVar("record", default=None)
"""What is to be written where what is under way ends; None: at once."""


@contextmanager
def gathered(at: datetime | None = None) -> Iterator[None]:
    """What is put on record within is written at the end of it, in order: just before the transaction's end.

    `with transaction.atomic(), record.gathered():` – one within another ends with the outer one. `at`: when it is said
    to have been, in made-up history alone.
    """
    outer = _kept.get()
    if outer is not None:
        stood_at = len(outer)
        try:
            yield
        except BaseException:
            # What was undone with it never happened.
            del outer[stood_at:]
            raise
        return
    kept: list[AuditEntry] = []
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)
    for entry in kept:
        with transaction.atomic():
            _append(entry, at)


def write(
    actor: User | None,
    action: str,
    subject: models.Model | None = None,
    *,
    reason: str = "",
    account: Account | int | None = None,
    case: int | None = None,
    detail: Mapping[str, Any] | None = None,
    name: str = "",
) -> AuditEntry:
    """Put an act on record: `action` is `thing.verb` (`item.hide`, `user.ban`), `subject` what it was done to.

    `detail` is JSON, with `before` and `after` where something was changed; never a secret. Call it inside the
    transaction of the act. `actor` None: the house itself.
    """
    kind, subject_id = _named(subject)
    fields: dict[str, Any] = {
        "actor": actor,
        "actor_name": actor.username if actor is not None else "",
        "action": action,
        "subject_kind": kind,
        "subject_id": subject_id,
        "subject_name": _line(name or (str(subject) if subject is not None else ""), 200),
        "account_id": account.pk if isinstance(account, Account) else account,
        "case": case,
        "reason": _line(reason, 500),
        "detail": _plain(json.loads(json.dumps(dict(detail or {}), default=str))),
    }
    entry, kept = AuditEntry(**fields), _kept.get()
    if kept is not None:
        kept.append(entry)
        return entry
    with transaction.atomic():
        return _append(entry)


def _append(entry: AuditEntry, at: datetime | None = None) -> AuditEntry:
    if connection.vendor == "postgresql":
        # Until the act's transaction ends: who comes next reads the row that it writes. IMMEDIATE is one on SQLite.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    newest = AuditEntry.objects.order_by("-number").first()
    entry.number = newest.number + 1 if newest else 1
    entry.previous = newest.digest if newest else FIRST
    entry.at = at or timezone.now()
    entry.digest = digest(entry)
    entry.save(force_insert=True)
    return entry


def newest() -> int:
    """The number of the newest row; 0 for an empty record."""
    return AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0


def has_since(number: int, subject: models.Model) -> bool:
    """Whether something about that row was written after that number, or is about to be."""
    kind, subject_id = _named(subject)
    if any((one.subject_kind, one.subject_id) == (kind, subject_id) for one in _kept.get() or ()):
        return True
    return AuditEntry.objects.filter(number__gt=number, subject_kind=kind, subject_id=subject_id).exists()


def _named(subject: models.Model | None) -> tuple[str, str]:
    if subject is None:
        return "", ""
    return str(subject._meta.model_name), str(getattr(subject, "public_id", "") or subject.pk)[:64]


def _line(text: str, most: int) -> str:
    return text.replace("\x00", "").strip()[:most]


def _plain(value: Any) -> Any:
    """What both databases give back as it was: no NUL, no number that comes back as another, nothing endless."""
    if isinstance(value, str):
        text = value.replace("\x00", "")
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in list(value.items())[:_MOST]}
    if isinstance(value, list):
        return [_plain(inner) for inner in value[:_MOST]]
    return value


def digest(entry: AuditEntry) -> str:
    """What a row must carry: SHA-256 over all that it says and the digest of the row before."""
    said = [
        entry.number, entry.actor_id, entry.actor_name, entry.action, entry.subject_kind, entry.subject_id,
        entry.subject_name, entry.account_id, entry.case, entry.reason, entry.detail, entry.at.isoformat(),
        entry.previous,
    ]  # fmt: skip
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def broken_entries() -> Iterator[tuple[int, str]]:
    """Numbers at which the record does not hold, and why. Reads it once, a thousand rows at a time."""
    number, previous = 0, FIRST
    for entry in AuditEntry.objects.order_by("number").iterator(chunk_size=1000):
        if entry.number != number + 1:
            yield number + 1, "a row is missing"
        elif entry.previous != previous:
            yield entry.number, "does not follow from the row before"
        if entry.digest != digest(entry):
            yield entry.number, "was changed"
        number, previous = entry.number, entry.digest
