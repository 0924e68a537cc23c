"""Audit log of staff actions: the only writer of `AuditEntry`. An entry is written in the transaction of its action.

Entries are numbered without gaps, and each carries the digest of the previous one, so that `broken_entries` finds any
that was changed, moved or removed; database triggers refuse both. A writer holds the log's lock to the end of its
transaction, so it is written last, behind every other row: a transaction that held the log and then waited for a row
would deadlock with one that holds the row and waits for the log. Actions made of others collect theirs with
`gathered`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from accounts.models import Account, AuditEntry, User

FIRST = "0" * 64
_LOCK = 0x7265636F7264
"""Key of the PostgreSQL advisory lock that serialises writers."""
_LONGEST = 2000
"""Longest string in the detail, in characters."""
_MOST = 200
"""Most items of one list or object in it."""
_pending: ContextVar[list[AuditEntry] | None] = ContextVar("record", default=None)
"""Entries to be written at the end of the current `gathered` block; None: write at once."""


@contextmanager
def gathered() -> Iterator[None]:
    """Collect entries written inside and append them, in order, at its end: just before the transaction's end.

    `with transaction.atomic(), audit_log.gathered():` – a nested block ends with the outer one.
    """
    outer = _pending.get()
    if outer is not None:
        start = len(outer)
        try:
            yield
        except BaseException:
            # The inner block is rolled back: drop its entries.
            del outer[start:]
            raise
        return
    entries: list[AuditEntry] = []
    token = _pending.set(entries)
    try:
        yield
    finally:
        _pending.reset(token)
    for entry in entries:
        with transaction.atomic():
            _append(entry)


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
    """Write an entry: `action` is `thing.verb` (`item.hide`, `user.ban`), `subject` the row it was done to.

    `detail` is JSON, with `before` and `after` for changes; never a secret. Call it inside the transaction of the
    action. `actor` None: the system itself.
    """
    kind, subject_id = _subject_key(subject)
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
    entry, pending = AuditEntry(**fields), _pending.get()
    if pending is not None:
        pending.append(entry)
        return entry
    with transaction.atomic():
        return _append(entry)


def write_change(
    user: User, action: str, row: models.Model | None = None, *, reason: str = "", detail: Any = None
) -> AuditEntry:
    """Write an entry about a change made in the admin, with the account that the row is or belongs to."""
    account = row.pk if isinstance(row, Account) else getattr(row, "account_id", None)
    account_id = account if isinstance(account, int) else None
    return write(user, action, row, reason=reason, account=account_id, detail=detail)


def _append(entry: AuditEntry) -> AuditEntry:
    if connection.vendor == "postgresql":
        # Held to the end of the transaction: the next writer reads this row. On SQLite, BEGIN IMMEDIATE does the same.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    newest = AuditEntry.objects.order_by("-number").first()
    entry.number = newest.number + 1 if newest else 1
    entry.previous = newest.digest if newest else FIRST
    entry.at = timezone.now()
    entry.digest = digest(entry)
    entry.save(force_insert=True)
    return entry


def newest() -> int:
    """Number of the newest entry; 0 for an empty log."""
    return AuditEntry.objects.order_by("-number").values_list("number", flat=True).first() or 0


def has_since(number: int, subject: models.Model) -> bool:
    """Whether an entry about that row was written after that number, or is pending."""
    kind, subject_id = _subject_key(subject)
    if any((entry.subject_kind, entry.subject_id) == (kind, subject_id) for entry in _pending.get() or ()):
        return True
    return AuditEntry.objects.filter(number__gt=number, subject_kind=kind, subject_id=subject_id).exists()


def _subject_key(subject: models.Model | None) -> tuple[str, str]:
    if subject is None:
        return "", ""
    return str(subject._meta.model_name), str(getattr(subject, "public_id", "") or subject.pk)[:64]


def _line(text: str, most: int) -> str:
    return text.replace("\x00", "").strip()[:most]


def _plain(value: Any) -> Any:
    """Normalise to what both databases return unchanged: no NUL, floats as text, bounded size."""
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
    """Digest an entry must carry: SHA-256 over all its fields and the digest of the previous entry."""
    fields = [
        entry.number, entry.actor_id, entry.actor_name, entry.action, entry.subject_kind, entry.subject_id,
        entry.subject_name, entry.account_id, entry.case, entry.reason, entry.detail, entry.at.isoformat(),
        entry.previous,
    ]  # fmt: skip
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def broken_entries() -> Iterator[tuple[int, str]]:
    """Numbers at which the chain is broken, and why. Reads the log once, a thousand rows at a time."""
    number, previous = 0, FIRST
    for entry in AuditEntry.objects.order_by("number").iterator(chunk_size=1000):
        if entry.number != number + 1:
            yield number + 1, "a row is missing"
        elif entry.previous != previous:
            yield entry.number, "does not follow from the row before"
        if entry.digest != digest(entry):
            yield entry.number, "was changed"
        number, previous = entry.number, entry.digest
