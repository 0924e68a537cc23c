"""Stored files: reserving, writing, keeping, opening and dooming them.

The only writer of `StoredFile` with `predictions.files.removal`.
The row exists before the bytes are written and until after they are removed, so a crash at any step leaves nothing
unknown to the sweep: `pending` (being written), `kept` (owned), `doomed` (to be removed).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import DatabaseError, transaction
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException

from accounts.models import Account
from core.clock import Now
from core.db import pipeline
from core.db.pipeline import PreparedInsert
from predictions.models import StoredFile
from predictions.submit import quotas

log = structlog.get_logger(__name__)
CHUNK = 64 * 1024
"""Bytes read or written at a time."""


class DiskFull(Exception):
    """Free disk space is below the reserve that the operator set."""


class FileMissing(Http404):
    """A file whose row exists but whose bytes do not: 404 at every URL, and a log line for the operator."""


class StorageUnavailable(APIException):
    """The storage is unreachable: 503 in the error format of each API. Nothing is known to be lost."""

    status_code = 503
    default_code = "storage_away"
    # DRF's exception handler sends it as `Retry-After`.
    wait = 5

    def __init__(self) -> None:
        message = _("This server's files can't be reached right now. Nothing is lost. Try again soon.")
        super().__init__(message)


def storage() -> Storage:
    """The private storage of outputs."""
    return storages["outputs"]


def open_file(file: StoredFile) -> IO[bytes]:
    """The stored bytes, to be closed by the caller. Raises FileMissing or StorageUnavailable and logs which."""
    try:
        return storage().open(file.key, "rb")
    except OSError as error:
        if isinstance(error, FileNotFoundError) and is_storage_available():
            log.error("stored_file_missing", file=file.pk, key=file.key)
            raise FileMissing from None
        log.error("storage_unreachable", exc_info=error)
        raise StorageUnavailable from None


def require_storage() -> None:
    """For answers that begin before any file is opened. Raises StorageUnavailable."""
    if not is_storage_available():
        raise StorageUnavailable


def is_storage_available() -> bool:
    """Whether the storage is reachable at all: without its mount every file would look missing."""
    location = getattr(storage(), "location", None)
    return location is None or os.access(location, os.R_OK | os.X_OK)


def is_missing(file: StoredFile) -> bool:
    """Whether the storage has no bytes of it. False where the storage is away, as every file looks missing then."""
    return not storage().exists(file.key) and is_storage_available()


def new_token() -> str:
    """The unguessable part of a URL: 160 random bits as lower-case letters and digits."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(31))


def output_path(token: str, name: str) -> str:
    """URL path of an output on this server; it ends in a file name, as clients expect."""
    return f"/f/{token}/{quote(name)}"


def has_free_disk(size: int = 0) -> bool:
    """Whether so many bytes fit while leaving the operator's reserve free (measured only on local disks)."""
    folder = settings.DATA
    return shutil.disk_usage(folder).free - size >= settings.FREE_DISK_MINIMUM


def reserve(extension: str, account_id: int | None = None) -> StoredFile:
    """A pending row with a fresh, unguessable key. Commit it before the bytes are written.

    `account_id`: whose quota it counts towards; None for the server's own files.
    """
    with transaction.atomic():
        return StoredFile.objects.create(key=_new_key(extension), account_id=account_id)


def reserve_upload(account: Account, size: int) -> StoredFile:
    """The same for an upload of so many bytes, whose quota is taken now. Raises QuotaExceeded."""
    with transaction.atomic():
        quotas.count_upload(account, size)
        return StoredFile.objects.create(key=_new_key("upload"), account=account, is_upload=True, size=size)


def extend_pending(row: StoredFile) -> None:
    """Extend the grace of a pending row whose bytes are still arriving, so that the sweep does not take it."""
    StoredFile.objects.filter(pk=row.pk, state=StoredFile.State.PENDING).update(created_at=Now())


def _new_key(extension: str, folder: str = "") -> str:
    name = new_token()
    folder = folder or name
    return f"{folder[:2]}/{folder[2:4]}/{name}.{extension}"


class Writing:
    """Writes incoming bytes to a temporary file and hashes them; the file is moved into the storage as a whole."""

    def __init__(self, maximum: int) -> None:
        settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=settings.TEMPORARY, prefix="in-")
        self.path = Path(path)
        self._file: IO[bytes] = os.fdopen(handle, "wb")
        self._digest = hashlib.sha256()
        self._maximum = maximum
        self.size = 0

    def __enter__(self) -> Writing:
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Write one chunk. Raises ValueError beyond the size limit, DiskFull when disk space runs out."""
        self.size += len(chunk)
        if self.size > self._maximum:
            raise ValueError(f"The file is larger than {self._maximum // (1024 * 1024)} MiB.")
        if (
            self.size // (8 * 1024 * 1024) != (self.size - len(chunk)) // (8 * 1024 * 1024)
            and not has_free_disk()
        ):
            raise DiskFull
        self._digest.update(chunk)
        self._file.write(chunk)

    def finished(self) -> str:
        """Flush to disk and return the SHA-256 as 64 hex digits."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()


class _Movable(File):
    """A file that a local storage may move into place instead of copying."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)

    def close(self) -> None:
        # The storage has moved it: only the handle is left to close.
        if self.file:
            self.file.close()


def store(
    row: StoredFile,
    path: Path,
    *,
    sha256: str,
    content_type: str,
    width: int | None = None,
    height: int | None = None,
) -> StoredFile:
    """Move a finished temporary file to its reserved key and record what it is. The row stays pending.

    Where that fails the row is doomed.
    """
    with doom_on_error([row]):
        size = path.stat().st_size
        _move_in(row.key, path)
        with transaction.atomic():
            updated = StoredFile.objects.filter(pk=row.pk, size=row.size).update(
                size=size, sha256=sha256, content_type=content_type, width=width, height=height
            )
            if updated and row.account_id is not None and size > row.size:
                quotas.store(row.account_id, size - row.size)
    row.size, row.sha256, row.content_type, row.width, row.height = size, sha256, content_type, width, height
    return row


def _move_in(key: str, path: Path) -> None:
    os.chmod(path, 0o600)
    with _Movable(path) as file:
        saved = storage().save(key, file)
    if saved != key:  # pragma: no cover (keys are random; a storage that renames would lose the file)
        storage().delete(saved)
        raise RuntimeError("The storage renamed a file.")


_PENDING = PreparedInsert(StoredFile)


@dataclass(frozen=True)
class FinishedFile:
    """A finished temporary file with all that its row records."""

    path: Path
    extension: str
    sha256: str
    content_type: str
    width: int | None = None
    height: int | None = None


def store_all(files: Sequence[FinishedFile], account_id: int) -> list[StoredFile]:
    """Reserve keys for finished temporary files in one transaction, then move them there. The rows stay pending.

    They count towards the account's quota, but no quota refuses them: what was accepted is delivered.
    """
    # One folder for all: creating a folder takes longer than moving a file.
    folder = new_token()
    rows = [_pending(file, folder, account_id) for file in files]
    with transaction.atomic():
        with pipeline.batch() as pipelined:
            for row in rows:
                pipelined.send(_PENDING.statement(row))
        quotas.store(account_id, sum(row.size for row in rows))
    with doom_on_error(rows):
        for row, file in zip(rows, files, strict=True):
            _move_in(row.key, file.path)
    return rows


def _pending(file: FinishedFile, folder: str, account_id: int) -> StoredFile:
    return StoredFile(
        account_id=account_id,
        key=_new_key(file.extension, folder),
        size=file.path.stat().st_size,
        sha256=file.sha256,
        content_type=file.content_type,
        width=file.width,
        height=file.height,
    )


def keep(files: list[StoredFile]) -> None:
    """Mark these files as owned. Call it in the transaction that inserts their owner; raises where one is gone."""
    changed = StoredFile.objects.filter(
        pk__in=[file.pk for file in files], state=StoredFile.State.PENDING
    ).update(state=StoredFile.State.KEPT)
    if changed != len(files):
        raise RuntimeError("A file to be kept was removed before its owner came.")


def doom(files: Sequence[StoredFile | int]) -> None:
    """Mark these files (or primary keys) as owned by nothing any more.

    Call it in the transaction that removes their owner; the sweep does the rest.
    """
    keys = [file if isinstance(file, int) else file.pk for file in files]
    StoredFile.objects.filter(pk__in=keys).update(state=StoredFile.State.DOOMED, doomed_at=Now())


def doom_pending(files: Sequence[StoredFile]) -> None:
    """Give up files whose owner will not come, so that they free their quota before the sweep would find them.

    Only pending ones: an owner may have been committed although its answer was lost.
    """
    with transaction.atomic():
        pending = StoredFile.objects.filter(
            pk__in=[file.pk for file in files], state=StoredFile.State.PENDING
        )
        pending.update(state=StoredFile.State.DOOMED, doomed_at=Now())


@contextlib.contextmanager
def doom_on_error(files: Sequence[StoredFile]) -> Iterator[None]:
    """Doom these files if the block raises; put it around what makes them owned."""
    try:
        yield
    except BaseException:
        # The original error is raised even where the database failed: then the sweep finds the rows.
        with contextlib.suppress(DatabaseError):
            doom_pending(files)
        raise


def doom_orphan(key: str) -> bool:
    """Insert a doomed row for bytes without a row, so that the sweep removes them. False where a row exists by now."""
    with transaction.atomic():
        _row, created = StoredFile.objects.get_or_create(
            key=key, defaults={"state": StoredFile.State.DOOMED, "doomed_at": Now()}
        )
    return created


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Contents of an open file in chunks; it is closed at the end."""
    with file:
        while chunk := file.read(CHUNK):
            yield bytes(chunk)
