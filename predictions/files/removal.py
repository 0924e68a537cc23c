"""Removal of stored files that nothing owns, and of temporary files left behind. Called by the sweep.

The bytes go first, then the row, so that a crash in between leaves nothing unknown to the next round.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Q, QuerySet
from django.db.models.functions import Coalesce

from core.clock import Now, after
from predictions.files.media import is_missing, storage
from predictions.models import StoredFile
from predictions.submit import quotas

log = structlog.get_logger(__name__)

STALE_PENDING_S = 3600.0
"""Age in seconds after which a pending file counts as abandoned."""
FIRST_REMOVAL_PAUSE_S = 10.0
"""Seconds before a failed removal is retried; doubled with each failure."""
LONGEST_REMOVAL_PAUSE_S = 6 * 3600.0
MAX_FAILURES_PER_ROUND = 10
"""Failures in one round after which it ends: each may have taken as long as the storage's timeout."""
DELETE_BATCH = 50
"""Rows deleted in one transaction."""
State = StoredFile.State

_DUE = Q(removal_due_at__isnull=True) | Q(removal_due_at__lte=Now())
_STALE = Q(state=State.PENDING, created_at__lte=after(-STALE_PENDING_S))


def remove_unowned(most: int = 200) -> int:
    """Remove bytes and row of doomed files and of abandoned pending ones. Returns how many.

    A file that the storage fails to remove is postponed, longer each time, and blocks no other. Where several fail in
    a round the storage itself is failing: the rest waits for the next round.
    """
    removed: list[StoredFile] = []
    failed = 0
    for row in list(_unowned().order_by("pk")[:most]):
        if row.state != State.DOOMED and not _doom_stale(row):
            continue
        try:
            storage().delete(row.key)
        except Exception as error:  # each storage has its own
            _postpone(row, error)
            failed += 1
            if failed >= MAX_FAILURES_PER_ROUND:
                break
            continue
        removed.append(row)
    return sum(
        _delete_removed_rows(removed[at : at + DELETE_BATCH]) for at in range(0, len(removed), DELETE_BATCH)
    )


def _unowned() -> QuerySet[StoredFile]:
    return _not_owned().filter(Q(_DUE, state=State.DOOMED) | _STALE)


def unowned() -> tuple[QuerySet[StoredFile], QuerySet[StoredFile]]:
    """Querysets of what `remove_unowned` handles, one for each state, so that each is answered from the index alone."""
    return _not_owned().filter(_DUE, state=State.DOOMED), _not_owned().filter(_STALE)


def _not_owned() -> QuerySet[StoredFile]:
    # SQLite uses their partial index only for this very condition.
    return StoredFile.objects.exclude(state=State.KEPT)


def _doom_stale(row: StoredFile) -> bool:
    """Doom an abandoned pending file. From here on `keep` refuses it: an owner that comes late is rolled back."""
    stale = StoredFile.objects.filter(_STALE, pk=row.pk)
    return bool(stale.update(state=State.DOOMED, doomed_at=Coalesce(F("doomed_at"), Now())))


def delete_missing(file: StoredFile) -> bool:
    """Delete the row of an abandoned pending file without bytes. False where it is neither, or got an owner."""
    if not is_missing(file) or not StoredFile.objects.filter(_STALE, pk=file.pk).exists():
        return False
    return bool(_delete_rows([file], State.PENDING))


def _delete_rows(files: Sequence[StoredFile], state: str) -> int:
    """Delete the rows of files whose bytes are gone, where they are still in that state; how many."""
    with transaction.atomic():
        rows = StoredFile.objects.filter(pk__in=[file.pk for file in files], state=state)
        # Read under their locks: a size may have been recorded since.
        rows_ = list(rows.order_by("pk").select_for_update())
        # Nothing references a file without an owner, and the database refuses where something does.
        deletable = StoredFile.objects.filter(pk__in=[file.pk for file in rows_])
        deletable._raw_delete(deletable.db)
        quotas.remove(rows_)
    return len(rows_)


def _delete_removed_rows(files: Sequence[StoredFile]) -> int:
    """Delete the rows of doomed files whose bytes are gone; one that is still referenced is postponed."""
    try:
        return _delete_rows(files, State.DOOMED)
    except IntegrityError as error:
        if len(files) == 1:
            _postpone(files[0], error)
            return 0
    return sum(_delete_removed_rows([file]) for file in files)


def _postpone(row: StoredFile, error: Exception) -> None:
    """Postpone a failed removal. Each failure is logged, hence less and less often."""
    tries = row.removal_failures + 1
    pause = min(FIRST_REMOVAL_PAUSE_S * 2 ** min(tries - 1, 30), LONGEST_REMOVAL_PAUSE_S)
    with transaction.atomic():
        StoredFile.objects.filter(pk=row.pk).update(
            removal_failures=F("removal_failures") + 1, removal_due_at=after(pause)
        )
    log.error("file_not_removed", key=row.key, tries=tries, again_in_s=round(pause), error=repr(error)[:300])


def remove_old_temporary(age_s: float = 3600.0) -> int:
    """Remove temporary files that a killed process left behind. Returns how many."""
    removed = 0
    folder = settings.TEMPORARY
    for entry in os.scandir(folder) if folder.is_dir() else ():
        try:
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > age_s:
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
                removed += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            # It may belong to somebody else: it must not block the others.
            log.warning("temporary_not_removed", path=entry.path, error=str(error))
    return removed


OwnerSubquery = Callable[[], Exists]
_owners: list[OwnerSubquery] = []


def register_owner(owned: OwnerSubquery) -> None:
    """Register a subquery that is true where something owns the `StoredFile` in `OuterRef("pk")`, for the audit."""
    if owned not in _owners:
        _owners.append(owned)


def registered_owners() -> list[Exists]:
    """All registered subqueries."""
    return [owned() for owned in _owners]
