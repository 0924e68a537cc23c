"""Removal of stored files that nobody owns, and of work files that were left behind. For the sweep.

Bytes first, then the row, so that a crash in between leaves nothing that the next round does not know.
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
from predictions.files.media import storage
from predictions.models import StoredFile
from predictions.submit import quotas

log = structlog.get_logger(__name__)

STALE_PENDING_S = 3600.0
FIRST_REMOVAL_PAUSE_S = 10.0
"""Seconds for which a file that could not be removed is put aside; doubled each time."""
LONGEST_REMOVAL_PAUSE_S = 6 * 3600.0
MOST_FAILED_REMOVALS = 10
"""In one round: each may have taken as long as the storage's time limit."""
TOGETHER = 50
"""Rows that are removed in one transaction."""
State = StoredFile.State

_DUE = Q(removal_due_at__isnull=True) | Q(removal_due_at__lte=Now())
_STALE = Q(state=State.PENDING, created_at__lte=after(-STALE_PENDING_S))


def remove_unowned(most: int = 200) -> int:
    """Remove the bytes, then the row, of doomed files and of pending ones that nobody came for. Returns how many.

    One that the storage does not remove is put aside, each time for longer, and holds no other back. Where several fail
    in a round the storage itself is ill: the rest of them waits for the next round.
    """
    gone: list[StoredFile] = []
    failed = 0
    for row in list(_unowned().order_by("pk")[:most]):
        if row.state != State.DOOMED and not _doom_stale(row):
            continue
        try:
            storage().delete(row.key)
        except Exception as error:  # each storage has its own
            _put_aside(row, error)
            failed += 1
            if failed >= MOST_FAILED_REMOVALS:
                break
            continue
        gone.append(row)
    return sum(_forget_gone(gone[at : at + TOGETHER]) for at in range(0, len(gone), TOGETHER))


def _unowned() -> QuerySet[StoredFile]:
    return _not_kept().filter(Q(_DUE, state=State.DOOMED) | _STALE)


def unowned() -> tuple[QuerySet[StoredFile], QuerySet[StoredFile]]:
    """What `remove_unowned` deals with, by state: so each is looked for in the index alone."""
    return _not_kept().filter(_DUE, state=State.DOOMED), _not_kept().filter(_STALE)


def _not_kept() -> QuerySet[StoredFile]:
    # SQLite takes their index for nothing that is said in other words.
    return StoredFile.objects.exclude(state=State.KEPT)


def _doom_stale(row: StoredFile) -> bool:
    """From here `keep` refuses it: an owner that comes late after all is rolled back, never left without bytes."""
    stale = StoredFile.objects.filter(_STALE, pk=row.pk)
    return bool(stale.update(state=State.DOOMED, doomed_at=Coalesce(F("doomed_at"), Now())))


def forget_missing(file: StoredFile) -> bool:
    """Remove the row of a stale pending file that has no bytes. False where it is neither, or somebody came for it."""
    if storage().exists(file.key) or not StoredFile.objects.filter(_STALE, pk=file.pk).exists():
        return False
    return bool(_forget([file], State.PENDING))


def _forget(files: Sequence[StoredFile], state: str) -> int:
    """Remove the rows of files whose bytes are gone, where they are in that state still; how many."""
    with transaction.atomic():
        rows = StoredFile.objects.filter(pk__in=[file.pk for file in files], state=state)
        # Read under their locks: a size may have been noted since.
        found = list(rows.order_by("pk").select_for_update())
        # Nothing hangs on a file that nobody owns, and the database refuses where something does.
        gone = StoredFile.objects.filter(pk__in=[file.pk for file in found])
        gone._raw_delete(gone.db)
        quotas.remove(found)
    return len(found)


def _forget_gone(files: Sequence[StoredFile]) -> int:
    """Remove the rows of doomed files whose bytes are gone; one on which something hangs after all is put aside."""
    try:
        return _forget(files, State.DOOMED)
    except IntegrityError as error:
        if len(files) == 1:
            _put_aside(files[0], error)
            return 0
    return sum(_forget_gone([file]) for file in files)


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
        except OSError as error:
            # Somebody else's, perhaps: it holds back no other.
            log.warning("temporary_not_removed", path=entry.path, error=str(error))
    return removed


Owned = Callable[[], Exists]
_more: list[Owned] = []


def register_owner(owned: Owned) -> None:
    """Have the audit ask too: a subquery over a `StoredFile` in `OuterRef("pk")` that is true where one owns it."""
    if owned not in _more:
        _more.append(owned)


def registered_owners() -> list[Exists]:
    """The subqueries of all that were told."""
    return [owned() for owned in _more]
