"""Data exports: one at a time per member, built in the background, kept for a week or until the next one.

An export is claimed with a lease, which a thread renews until the archive is stored: however long that takes,
nobody else builds it meanwhile. If the process dies the next one starts over; after three tries the export
fails and its owner is notified. Where the disk has no room nothing is started, and no try is used up.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from datetime import timedelta

import structlog
from django.db import DatabaseError, close_old_connections, connections, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import Account, User
from accounts.notifications import notices
from core.clock import Now, after
from core.db.due_rows import DueRows
from core.jobs import wakeups
from gallery.models import Export
from gallery.privacy import export_archive, export_contents
from predictions.files import media
from predictions.models import StoredFile

log = structlog.get_logger(__name__)
RETENTION = timedelta(days=7)
MIN_INTERVAL_S = 24 * 3600.0
"""Seconds between a finished export and the next one."""
MAX_PER_DAY = 5
"""Exports per member and day, failed ones included."""
LEASE = timedelta(minutes=3)
RETRY_AFTER_OUTAGE = timedelta(minutes=1)
"""How long until an export is tried again after the storage was away."""
RENEW_S = 20.0
MAX_TRIES = 3
MOST_BYTES = 1 << 42
PENDING_STATES = (Export.State.OWED, Export.State.MAKING)
NO_ROOM = "no room"
"""The note of an export that failed for lack of disk space, which does not count against `MAX_PER_DAY`."""
MAX_NO_ROOM_PER_DAY = 20
_OLD_AT_ONCE = 20
OVERHEAD = 32 * 1024 * 1024
"""Bytes allowed for beside the files (JSON, names, the zip's directory); another fiftieth of the files comes on
top."""


class TooSoon(Exception):
    """There is an export of the last day (`export`), or there were too many tries (None)."""

    def __init__(self, export: Export | None) -> None:
        self.export = export
        super().__init__("An export was made in the last 24 hours.")


class NoRoom(Exception):
    """The server has no disk space for it at present; nothing was started."""


class Lost(Exception):
    """Another process has claimed the export."""


def request_export(user: User, account: Account) -> Export:
    """Request an export; returns the pending one if there is one. Raises TooSoon and NoRoom."""
    has_room = _has_room(user, account)
    with transaction.atomic():
        # Concurrent requests wait here for each other, and find the export of the first.
        User.objects.select_for_update().get(pk=user.pk)
        own = Export.objects.filter(user=user, account=account)
        under_way = own.filter(state__in=PENDING_STATES).first()
        if under_way is not None:
            return under_way
        recent = own.filter(created_at__gt=after(-MIN_INTERVAL_S))
        ready = recent.filter(state=Export.State.READY).first()
        given_up = recent.filter(note=NO_ROOM).count()
        if ready is not None or recent.count() - given_up >= MAX_PER_DAY or given_up >= MAX_NO_ROOM_PER_DAY:
            raise TooSoon(ready)
        if not has_room:
            raise NoRoom
        wakeups.send_on_commit(wakeups.JOBS)
        return Export.objects.create(user=user, account=account, total=export_contents.count(user, account))


def _has_room(user: User, account: Account) -> bool:
    files = export_contents.size(user, account)
    return media.has_free_disk(files + files // 50 + OVERHEAD)


_builder: threading.Thread | None = None


def run_once() -> bool:
    """Background job: start a thread that builds pending exports one after the other, and remove expired ones."""
    global _builder
    if (_builder is None or not _builder.is_alive()) and _pending().exists():
        # An export of many gigabytes takes minutes, and other jobs must not wait for it.
        _builder = threading.Thread(target=_build_all, name="exports", daemon=True)
        _builder.start()
    return remove_old()


def due() -> tuple[QuerySet[Export], QuerySet[Export]]:
    """Exports to build, and expired ones."""
    return _pending(), _expired()


def _build_all() -> None:
    try:
        while build_next():
            close_old_connections()
    except Exception:
        log.exception("export_broke")
    finally:
        connections.close_all()


def _pending() -> QuerySet[Export]:
    free = Q(state=Export.State.OWED) | Q(state=Export.State.MAKING, lease_until__lte=Now())
    return Export.objects.filter(free)


def build_next() -> bool:
    """Build the export that has waited longest, in this thread; False where there is none."""
    export = _claim()
    if export is None:
        return False
    if export.tries > MAX_TRIES:
        _fail(export, "three tries did not end")
        return True
    try:
        _build(export)
    except Lost:
        log.warning("export_lost", export=export.pk)
    except (NoRoom, media.DiskFull):
        log.error("export_has_no_room", export=export.pk)
        _fail(export, NO_ROOM, "export.no_room")
    except media.StorageUnavailable:
        # Not counted as a try; tried again when this lease ends.
        _claimed(export).update(claim="", tries=F("tries") - 1, lease_until=Now() + RETRY_AFTER_OUTAGE)
        return False
    except Exception as error:
        log.exception("export_failed", export=export.pk)
        if export.tries >= MAX_TRIES:
            _fail(export, type(error).__name__)
        else:
            _claimed(export).update(state=Export.State.OWED, claim="", lease_until=None)
            return False
    return True


def _claim() -> Export | None:
    with transaction.atomic():
        found = _pending().select_for_update().order_by("id").first()
        if found is None:
            return None
        found.claim = secrets.token_hex(16)
        found.tries += 1
        Export.objects.filter(pk=found.pk).update(
            state=Export.State.MAKING,
            claim=found.claim,
            tries=F("tries") + 1,
            lease_until=Now() + LEASE,
            done=0,
        )
    return found


def _claimed(export: Export) -> QuerySet[Export]:
    return Export.objects.filter(pk=export.pk, claim=export.claim, state=Export.State.MAKING)


class _Lease:
    """Keeps an export claimed by this process: renewed until the block ends, or until another process has it."""

    def __init__(self, export: Export) -> None:
        self._export = export
        self._over = threading.Event()
        self.lost = False
        self.pending: StoredFile | None = None
        """The archive's row while its bytes are copied to the storage."""

    @contextlib.contextmanager
    def held(self) -> Iterator[_Lease]:
        """Renew the lease in a thread for the duration of the block."""
        thread = threading.Thread(target=self._renew, name="export-lease", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def check(self) -> None:
        """Raise Lost where another process has the export."""
        if self.lost:
            raise Lost

    def _renew(self) -> None:
        try:
            while not self._over.wait(RENEW_S) and not self.lost:
                self._renew_once()
        finally:
            connections.close_all()

    def _renew_once(self) -> None:
        try:
            close_old_connections()
            self.lost = not _claimed(self._export).update(lease_until=Now() + LEASE, done=self._export.done)
            if self.pending is not None:
                media.extend_pending(self.pending)
        except DatabaseError:
            # The database is away. If it stays away the lease ends; the claim is checked again at the end.
            log.warning("export_lease_not_renewed", export=self._export.pk)


def _build(export: Export) -> None:
    def written(number: int) -> None:
        export.done = number

    if not _has_room(export.user, export.account):
        raise NoRoom
    with _Lease(export).held() as lease, media.Writing(MOST_BYTES) as writing:
        for block in export_archive.stream(export.user, export.account, written):
            writing.write(block)
            lease.check()
        sha256 = writing.finished()
        row = lease.pending = media.reserve("zip")
        file = media.store(row, writing.path, sha256=sha256, content_type="application/zip")
    with transaction.atomic():
        ready = _claimed(export).update(
            state=Export.State.READY, file=file, done=export.done, finished_at=Now(),
            expires_at=Now() + RETENTION, claim="",
            lease_until=None,
        )  # fmt: skip
        if not ready:
            raise Lost
        media.keep([file])
        # It contains everything of the former ones: one archive is kept per member, not one per day of the
        # week.
        older = Export.objects.filter(user=export.user, account=export.account, state=Export.State.READY)
        for old_export in older.exclude(pk=export.pk):
            remove(old_export)
        notices.notify(export.user, "export.ready", link="/account/export/")


def _fail(export: Export, note: str, kind: str = "export.failed") -> None:
    with transaction.atomic():
        if _claimed(export).update(state=Export.State.FAILED, note=note[:200], claim="", lease_until=None):
            notices.notify(export.user, kind, link="/account/export/")


def is_export_file() -> Exists:
    """A condition on stored files: whether one is the archive of an export."""
    return Exists(Export.objects.filter(file=OuterRef("pk")))


def remove_old() -> bool:
    """Remove the files of some expired exports. Returns whether there were any."""
    return _OLD.step(most=_OLD_AT_ONCE)


def _expired() -> QuerySet[Export]:
    return Export.objects.filter(state=Export.State.READY, expires_at__lte=Now())


_OLD = DueRows(
    "old exports",
    lambda: _expired().values_list("pk"),
    lambda row: remove(Export.objects.get(pk=row[0])),
)


def invalidate(user_id: int, account_id: int) -> None:
    """Something of theirs is removed for good: delete the archives that hold it, and restart one that is being
    built.

    Call in the transaction that removes it.
    """
    exports = Export.objects.filter(user=user_id, account=account_id)
    exports.filter(state=Export.State.MAKING).update(
        state=Export.State.OWED, claim="", lease_until=None, tries=0
    )
    for export in exports.filter(state=Export.State.READY):
        remove(export)


def remove(export: Export) -> bool:
    """Remove the file of an export; False where it is gone already."""
    with transaction.atomic():
        locked = Export.objects.select_for_update().filter(pk=export.pk, state=Export.State.READY)
        found = locked.select_related(None).first()
        if found is None:
            return False
        file = found.file
        Export.objects.filter(pk=export.pk).update(state=Export.State.GONE, file=None)
        if file is not None:
            media.doom([file])
    return True
