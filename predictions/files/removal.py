"""Removal of stored files that nobody owns, and of work files that were left behind. For the sweep.

Bytes first, then the row, so that a crash in between leaves nothing that the next round does not know.
"""

from __future__ import annotations

import os
import shutil
import time

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from accounts.clock import Now
from accounts.prepared_writes import PreparedWrite
from predictions import room
from predictions.clock import after
from predictions.files.media import storage
from predictions.models import StoredFile

log = structlog.get_logger(__name__)

STALE_PENDING_S = 3600.0
FIRST_REMOVAL_PAUSE_S = 10.0
"""Seconds for which a file that could not be removed is put aside; doubled each time."""
LONGEST_REMOVAL_PAUSE_S = 6 * 3600.0
MOST_FAILED_REMOVALS = 10
"""In one round: each may have taken as long as the storage's time limit."""
State = StoredFile.State

_DELETE = PreparedWrite(
    lambda pk, state: (StoredFile.objects.filter(pk=pk, state=state), {}), pk=int, state=str
)


def remove_unowned(most: int = 200) -> int:
    """Remove the bytes, then the row, of doomed files and of pending ones that nobody came for. Returns how many.

    One that the storage does not remove is put aside, each time for longer, and holds no other back. Where several fail
    in a round the storage itself is ill: the rest of them waits for the next round.
    """
    removed = failed = 0
    for row in list(_unowned().order_by("pk")[:most]):
        # From here `keep` refuses it: an owner that comes late after all is rolled back, never left without bytes.
        if not StoredFile.objects.filter(pk=row.pk, state=row.state).update(
            state=State.DOOMED, doomed_at=Coalesce(F("doomed_at"), Now())
        ):
            continue
        try:
            storage().delete(row.key)
        except Exception as error:  # each storage has its own
            _put_aside(row, error)
            failed += 1
            if failed >= MOST_FAILED_REMOVALS:
                break
            continue
        removed += _forget(row, State.DOOMED)
    return removed


def _unowned() -> QuerySet[StoredFile]:
    due = Q(removal_due_at__isnull=True) | Q(removal_due_at__lte=Now())
    return StoredFile.objects.filter(due, state=State.DOOMED) | StoredFile.objects.filter(_STALE)


def forget_missing(file: StoredFile) -> bool:
    """Remove the row of a stale pending file that has no bytes. False where it is neither, or somebody came for it."""
    if storage().exists(file.key) or not StoredFile.objects.filter(pk=file.pk).filter(_STALE).exists():
        return False
    return _forget(file, State.PENDING)


_STALE = Q(state=State.PENDING, created_at__lte=after(-STALE_PENDING_S))


def _forget(row: StoredFile, state: str) -> bool:
    """Remove the row of a file whose bytes are gone, where it is in that state still."""
    with transaction.atomic():
        # Read under its lock: a size may have been noted since.
        size = StoredFile.objects.select_for_update().filter(pk=row.pk).values_list("size", flat=True).first()
        if size is None or not _DELETE.run(pk=row.pk, state=state):
            return False
        if row.account_id is not None:
            room.remove(row.account_id, size, is_upload=row.is_upload)
    return True


def _put_aside(row: StoredFile, error: Exception) -> None:
    """Try again later; each time the operator is told, which is less and less often."""
    tries = row.removal_failures + 1
    pause = min(FIRST_REMOVAL_PAUSE_S * 2 ** min(tries - 1, 30), LONGEST_REMOVAL_PAUSE_S)
    with transaction.atomic():
        StoredFile.objects.filter(pk=row.pk).update(
            removal_failures=F("removal_failures") + 1, removal_due_at=after(pause)
        )
    log.error("file_not_removed", key=row.key, tries=tries, again_in_s=round(pause), error=repr(error)[:300])


def remove_old_temporary(age_s: float = 3600.0) -> int:
    """Remove work files that a killed process left behind. Returns how many."""
    removed = 0
    folder = settings.TEMPORARY
    for entry in os.scandir(folder) if folder.is_dir() else ():
        try:
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > age_s:
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
                removed += 1
        except FileNotFoundError:
            continue
    return removed
