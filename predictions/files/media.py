"""Where files are kept and how they are sent. The only writer of `StoredFile`, with `predictions.files.removal`.

A row stands before its bytes are written and until after they are removed, so a crash at any step leaves nothing that
the sweep does not know: `pending` (being written), `kept` (owned), `doomed` (to be removed).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.utils.cache import patch_cache_control
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
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_INLINE = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "video/mp4", "text/plain"}
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class DiskFull(Exception):
    """There is less free space than the operator keeps in reserve."""


class FileGone(Http404):
    """A file whose row is here and whose bytes are not: 404 at every address, and a line for the operator."""


class StorageAway(APIException):
    """The storage does not answer: 503 on every path, in each one's own shape. Nothing is known to be lost."""

    status_code = 503
    default_code = "storage_away"
    # The framework's own handler tells it as `Retry-After`.
    wait = 5

    def __init__(self) -> None:
        words = _("This server's files can't be reached right now. Nothing is lost. Try again soon.")
        super().__init__(words)


def storage() -> Storage:
    """The private storage of outputs."""
    return storages["outputs"]


def opened(file: StoredFile) -> IO[bytes]:
    """The stored bytes, to be closed by the caller. Raises FileGone or StorageAway, and logs which it was."""
    try:
        return storage().open(file.key, "rb")
    except OSError as error:
        if isinstance(error, FileNotFoundError) and is_there():
            log.error("stored_file_missing", file=file.pk, key=file.key)
            raise FileGone from None
        log.error("storage_unreachable", exc_info=error)
        raise StorageAway from None


def require_storage() -> None:
    """Before an answer that is begun without having opened a file. Raises StorageAway."""
    if not is_there():
        raise StorageAway


def is_there() -> bool:
    """Whether the storage answers at all: a folder that is not mounted would make every file look gone."""
    location = getattr(storage(), "location", None)
    return location is None or os.access(location, os.R_OK | os.X_OK)


def new_token() -> str:
    """The unguessable part of an address: 160 random bits, lower-case letters and digits."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(31))


def output_path(token: str, name: str) -> str:
    """An output's own address on this server, without the origin; it ends in a file name, as clients expect."""
    return f"/f/{token}/{quote(name)}"


def has_room(size: int = 0) -> bool:
    """Whether so many bytes fit with the operator's reserve left free (where the disk is ours to measure)."""
    folder = settings.DATA
    return shutil.disk_usage(folder).free - size >= settings.FREE_DISK_MINIMUM


def reserve(extension: str, account_id: int | None = None) -> StoredFile:
    """A pending row with a fresh, unguessable place. Commit it before the bytes are written.

    `account_id`: whose room it takes; None for the server's own.
    """
    with transaction.atomic():
        return StoredFile.objects.create(key=_new_key(extension), account_id=account_id)


def reserve_upload(account: Account, size: int) -> StoredFile:
    """The same for an upload of so many bytes, for which there is room from now on. Raises room.NoRoom."""
    with transaction.atomic():
        quotas.take_upload(account, size)
        return StoredFile.objects.create(key=_new_key("upload"), account=account, is_upload=True, size=size)


def still_writing(row: StoredFile) -> None:
    """Bytes of a pending row are on their way still: the sweep, which takes those that nobody came for, waits anew."""
    StoredFile.objects.filter(pk=row.pk, state=StoredFile.State.PENDING).update(created_at=Now())


def _new_key(extension: str, folder: str = "") -> str:
    name = new_token()
    folder = folder or name
    return f"{folder[:2]}/{folder[2:4]}/{name}.{extension}"


class Writing:
    """Bytes on their way into the storage: into a temporary file first, hashed on the way, then moved whole."""

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
        """Take one chunk. Raises ValueError where the file grows past its limit, DiskFull where space ends."""
        self.size += len(chunk)
        if self.size > self._maximum:
            raise ValueError(f"The file is larger than {self._maximum // (1024 * 1024)} MiB.")
        if self.size // (8 * 1024 * 1024) != (self.size - len(chunk)) // (8 * 1024 * 1024) and not has_room():
            raise DiskFull
        self._digest.update(chunk)
        self._file.write(chunk)

    def finished(self) -> str:
        """Flush everything to disk and return the SHA-256, 64 hex digits."""
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
    """Move a finished temporary file to its reserved place and note what it is. The row stays pending.

    Where that fails the place is given up.
    """
    with given_up_if_it_fails([row]):
        size = path.stat().st_size
        _move_in(row.key, path)
        with transaction.atomic():
            noted = StoredFile.objects.filter(pk=row.pk, size=row.size).update(
                size=size, sha256=sha256, content_type=content_type, width=width, height=height
            )
            if noted and row.account_id is not None and size > row.size:
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
class Finished:
    """A finished temporary file, and all that its row says of it."""

    path: Path
    extension: str
    sha256: str
    content_type: str
    width: int | None = None
    height: int | None = None


def store_all(files: Sequence[Finished], account_id: int) -> list[StoredFile]:
    """Reserve places in an account's room for finished temporary files in one transaction, then move them there.

    The rows stay pending. No limit forbids it: what was accepted is delivered.
    """
    # One folder for all of them: to make one takes longer than to move a file.
    folder = new_token()
    rows = [_pending(file, folder, account_id) for file in files]
    with transaction.atomic():
        with pipeline.batch() as together:
            for row in rows:
                together.send(_PENDING.statement(row))
        quotas.store(account_id, sum(row.size for row in rows))
    with given_up_if_it_fails(rows):
        for row, file in zip(rows, files, strict=True):
            _move_in(row.key, file.path)
    return rows


def _pending(file: Finished, folder: str, account_id: int) -> StoredFile:
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
    """Own these files now. Call it inside the transaction that inserts their owner; raises where one is gone."""
    changed = StoredFile.objects.filter(
        pk__in=[file.pk for file in files], state=StoredFile.State.PENDING
    ).update(state=StoredFile.State.KEPT)
    if changed != len(files):
        raise RuntimeError("A file to be kept was removed before its owner came.")


def doom(files: Sequence[StoredFile | int]) -> None:
    """Nobody owns these (or those with these keys) any more.

    Call it inside the transaction that removes their owner; the sweep does the rest.
    """
    keys = [file if isinstance(file, int) else file.pk for file in files]
    StoredFile.objects.filter(pk__in=keys).update(state=StoredFile.State.DOOMED, doomed_at=Now())


def doom_pending(files: Sequence[StoredFile]) -> None:
    """Give up places whose owner will not come, so that they take no room until the sweep looks for such.

    Only those that are pending still: an owner may have come though its answer was lost.
    """
    with transaction.atomic():
        pending = StoredFile.objects.filter(
            pk__in=[file.pk for file in files], state=StoredFile.State.PENDING
        )
        pending.update(state=StoredFile.State.DOOMED, doomed_at=Now())


@contextlib.contextmanager
def given_up_if_it_fails(files: Sequence[StoredFile]) -> Iterator[None]:
    """Around what makes places owned: where it raises, they are given up."""
    try:
        yield
    except BaseException:
        # What happened is raised, also where the database is what failed: then the sweep finds them.
        with contextlib.suppress(DatabaseError):
            doom_pending(files)
        raise


def doom_orphan(key: str) -> bool:
    """Give bytes that no row knows a doomed row: the sweep removes them. False where a row has come meanwhile."""
    with transaction.atomic():
        _row, made = StoredFile.objects.get_or_create(
            key=key, defaults={"state": StoredFile.State.DOOMED, "doomed_at": Now()}
        )
    return made


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """What an open file holds, `CHUNK` bytes at a time; it is closed at the end."""
    with file:
        while chunk := file.read(CHUNK):
            yield bytes(chunk)


def send(
    request: HttpRequest,
    file: StoredFile,
    *,
    filename: str,
    max_age: int = 0,
    attachment: bool = False,
    revalidate: bool = False,
) -> HttpResponse:
    """The bytes themselves, never a redirect: with ETag, one range, HEAD, and headers that keep them harmless.

    Raises FileGone or StorageAway before anything is answered.
    `max_age` in seconds for private caches; `revalidate`: caches must ask again each time (what can be withdrawn).
    """
    return send_body(
        request,
        body_of(file),
        filename=filename,
        max_age=max_age,
        attachment=attachment,
        revalidate=revalidate,
    )


@dataclass(frozen=True)
class Body:
    """Bytes to be sent: what they are known by, how many there are, and how to read some from a place on."""

    etag: str
    size: int
    content_type: str
    read: Callable[[int, int], Reading]
    """Called with start and length, both in bytes. Raises FileGone or StorageAway."""


def body_of(file: StoredFile) -> Body:
    """A stored file as it is."""
    return Body(file.sha256, file.size, file.content_type, lambda *place: _stretch(file, *place))


class Reading:
    """Bytes from an open file, in pieces; the file is closed at their end, or when nobody reads on."""

    def __init__(self, file: IO[bytes], parts: Iterator[bytes]) -> None:
        self._file = file
        self._parts = parts

    def __iter__(self) -> Reading:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Read no more."""
        self._file.close()


def send_body(
    request: HttpRequest,
    body: Body,
    *,
    filename: str,
    max_age: int = 0,
    attachment: bool = False,
    revalidate: bool = False,
) -> HttpResponse:
    """As `send`, for bytes that are put together while they are sent."""
    etag = f'"{body.etag}"'
    answer: HttpResponse = (
        HttpResponseNotModified() if _known(request, etag) else _answer(request, body, etag)
    )
    answer["ETag"] = etag
    answer["Accept-Ranges"] = "bytes"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Access-Control-Allow-Origin"] = "*"
    how = "inline" if not attachment and body.content_type in _INLINE else "attachment"
    name = filename if _SAFE_NAME.fullmatch(filename) else "file"
    answer["Content-Disposition"] = f'{how}; filename="{name}"'
    if revalidate:
        patch_cache_control(answer, private=True, no_cache=True)
    else:
        patch_cache_control(answer, private=True, max_age=max_age)
    return answer


def _known(request: HttpRequest, etag: str) -> bool:
    given = request.headers.get("If-None-Match", "")
    return given.strip() == "*" or etag in [part.strip().removeprefix("W/") for part in given.split(",")]


def _answer(request: HttpRequest, body: Body, etag: str) -> HttpResponse:
    wanted = _range(request, body.size, etag)
    if wanted is not None and wanted[0] >= body.size:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{body.size}"
        return refused
    start, end = wanted or (0, body.size - 1)
    length = max(0, end - start + 1)
    reading = body.read(start, length)
    if request.method == "HEAD":
        reading.close()
        answer = HttpResponse(content_type=body.content_type)
    else:
        answer = StreamingHttpResponse(reading, content_type=body.content_type)  # type: ignore[assignment]
    answer["Content-Length"] = str(length)
    if wanted is not None:
        answer.status_code = 206
        answer["Content-Range"] = f"bytes {start}-{end}/{body.size}"
    return answer


def _range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte of the one range asked for; None where the whole file is to be sent."""
    header = request.headers.get("Range", "")
    condition = request.headers.get("If-Range")
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if not match or (condition is not None and condition.strip() != etag):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        if int(last) == 0:
            return size, size
        return max(0, size - int(last)), size - 1
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    return start, end


def _stretch(file: StoredFile, start: int, length: int) -> Reading:
    bytes_ = opened(file)
    bytes_.seek(start)
    return Reading(bytes_, _pieces(bytes_, length))


def _pieces(file: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (chunk := file.read(min(CHUNK, left))):
        left -= len(chunk)
        yield bytes(chunk)
