"""What is kept of removed pictures: encrypted, out of reach of every address, opened by few and never unrecorded.

The words (prompt, settings, reports) are encrypted with the house's keys, and among them stands a key of the evidence's
own, with which its file is encrypted: a chunk at a time, each with its number and the last one marked, so that nothing
can be left out or moved. So only the words need be encrypted anew when the house changes its keys.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from accounts.organizations import management
from accounts.staff import audit_log
from core import crypto
from core.clock import Now
from core.db import retry
from core.db.due_rows import DueRows
from gallery.models import Evidence
from predictions import image_safety
from predictions.files import image_probe, media
from predictions.models import StoredFile

log = structlog.get_logger(__name__)

PERMISSION = "gallery.remove_item"
CHUNK = 256 * 1024
"""Bytes of the file in one piece of it."""
AGAIN_S = 60.0
"""After which a file is tried again that could not be encrypted."""
_stuck: dict[int, float] = {}
"""Evidence that this process could not seal, and until when it lets it be."""
_HEAD = struct.Struct(">Q?")
_LENGTH = struct.Struct(">I")
_LONGEST_PIECE = 2 * CHUNK
_LONGEST_REASON = 200
_LONGEST_INPUT = 4000


class NotAllowed(Exception):
    """Not by this one."""


class Gone(Exception):
    """Its time was over; or it cannot be read with the keys that this house has."""


@dataclass(frozen=True)
class Opened:
    """Evidence that somebody looks at."""

    row: Evidence
    words: dict[str, Any] = field(repr=False)


def owned() -> Exists:
    """Of stored files: whether one is kept as evidence."""
    return Exists(Evidence.objects.filter(file=OuterRef("pk")))


# -- Words -----------------------------------------------------------------------------------------------------------


def close_words(words: dict[str, Any]) -> str:
    """Encrypt what is said of a picture, with a fresh key for its file."""
    from cryptography.fernet import Fernet

    key = Fernet.generate_key().decode("ascii")
    text = json.dumps({**words, "_key": key}, ensure_ascii=False, default=str)
    # Not `sealing.encrypt`: this is no secret that every log line must be searched for.
    return crypto.ring_of(crypto.keys()).encrypt(text.encode("utf-8", "replace")).decode("ascii")


def open_words(row: Evidence) -> dict[str, Any]:
    """What is said of it, and the key of its file under `_key`. Raises Gone."""
    from cryptography.fernet import InvalidToken

    try:
        text = crypto.ring_of(crypto.keys()).decrypt(row.words.encode())
    except (InvalidToken, crypto.NoKeyFits):
        raise Gone from None
    words: dict[str, Any] = json.loads(text)
    return words


def without_files(value: Any) -> Any:
    """An input as words: what is a file in it is named by its beginning."""
    if isinstance(value, str) and len(value) > _LONGEST_INPUT:
        return f"{value[: _LONGEST_INPUT if ' ' in value[:200] else 60]}… ({len(value)})"
    if isinstance(value, dict):
        return {key: without_files(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_files(inner) for inner in value]
    return value


# -- The chores ------------------------------------------------------------------------------------------------------


def seal_some() -> bool:
    """A chore: encrypt one file that changed hands, and block its picture where that is owed. Whether there was one."""
    now = time.monotonic()
    for number in [number for number, until in _stuck.items() if until <= now]:
        del _stuck[number]
    owed = due().exclude(pk__in=list(_stuck))
    for row in list(owed.select_related("file", "made_by").order_by("id")[:10]):
        try:
            seal(row)
        except Exception as fault:
            if retry.is_away(fault):
                raise
            # It is tried again in a while, and holds up no other, however many there are.
            _stuck[row.pk] = now + AGAIN_S
            known = isinstance(fault, Gone | OSError | media.DiskFull)
            trouble = None if known else fault
            log.error("evidence_not_sealed", evidence=row.pk, why=type(fault).__name__, exc_info=trouble)
            continue
        return True
    return False


def due() -> QuerySet[Evidence]:
    """Evidence whose file is still plain."""
    return Evidence.objects.filter(sealing_owed=True)


def seal(row: Evidence) -> None:
    """Encrypt its file into a new one, and doom the plain one. Killed anywhere it begins anew: until the one
    transaction at its end the plain file is the evidence's, and the other is a pending one that the sweep removes.
    """
    plain = row.file
    if plain is None or not media.storage().exists(plain.key):
        _sealed(row, plain, None)
        return
    with TemporaryDirectory(dir=_temporary(), prefix="seal-") as folder:
        copy = Path(folder) / "plain"
        _copy(plain, copy)
        if row.block_owed and not row.phash:
            _block_by_look(row, copy, Path(folder))
        if not Evidence.objects.filter(pk=row.pk, sealed_until__gt=Now()).exists():
            # The house keeps none, or its time is over: what is left to do is to forget it.
            _sealed(row, plain, None)
            return
        with media.Writing(2 * plain.size + _LONGEST_PIECE) as writing:
            for piece in _pieces(copy, open_words(row)["_key"]):
                writing.write(piece)
            digest = writing.finished()
            closed = media.reserve("sealed")
            media.store(closed, writing.path, sha256=digest, content_type="application/octet-stream")
    _sealed(row, plain, closed)


def _sealed(row: Evidence, plain: StoredFile | None, closed: StoredFile | None) -> None:
    with transaction.atomic():
        changed = Evidence.objects.filter(pk=row.pk, file=plain, sealing_owed=True).update(
            file=closed, sealing_owed=False, block_owed=False
        )
        if changed:
            media.keep([closed] if closed is not None else [])
            media.doom([plain] if plain is not None else [])


def _block_by_look(row: Evidence, copy: Path, folder: Path) -> None:
    try:
        phash = image_probe.look(copy, folder).phash
    except (image_probe.NotAPicture, OSError) as fault:
        log.warning("evidence_not_hashed", evidence=row.pk, why=type(fault).__name__)
        return
    if phash:
        with transaction.atomic():
            Evidence.objects.filter(pk=row.pk, phash="").update(phash=phash)
            row.phash = phash
            block(row, reason="", by=row.made_by)


def block(row: Evidence, *, reason: str, by: User | None) -> None:
    """Refuse the same picture from now on, where its hash is known; else the chore looks at it first."""
    if row.phash:
        image_safety.block(row.phash, reason=reason, case=row.case_id, by=by)
        Evidence.objects.filter(pk=row.pk).update(block_owed=False)


def forget_old() -> bool:
    """A chore: remove what was kept as long as it should be. Whether there was any."""
    return _OLD.step()


def old() -> QuerySet[Evidence]:
    """What `forget_old` deals with."""
    return Evidence.objects.filter(gone_at__isnull=True, sealed_until__lte=Now(), sealing_owed=False)


def _forget(due_row: tuple[int]) -> bool:
    row = old().filter(pk=due_row[0]).select_related("file").first()
    if row is None or not old().filter(pk=row.pk).update(file=None, words="", gone_at=Now()):
        return False
    media.doom([row.file] if row.file is not None else [])
    audit_log.write(None, "evidence.forget", row, case=row.case_id)
    return True


_OLD = DueRows("old evidence", lambda: old().values_list("pk"), _forget)


# -- Opening ---------------------------------------------------------------------------------------------------------


def look_at(number: int, by: User, reason: str) -> Opened:
    """Open it, with a reason, on record. Raises NotAllowed, Evidence.DoesNotExist, Gone, and ValueError without one."""
    if not by.has_perm(PERMISSION):
        raise NotAllowed
    reason = reason.replace("\x00", "").strip()[:_LONGEST_REASON]
    if not reason:
        raise ValueError("Opening evidence has a reason.")
    with transaction.atomic():
        row = Evidence.objects.select_related("file", "user", "case").get(pk=number)
        if row.gone_at is not None or not row.words:
            raise Gone
        words = open_words(row)
        account = row.case.account_id if row.case is not None else _own(row.user)
        audit_log.write(by, "evidence.open", row, reason=reason, account=account, case=row.case_id)
    words.pop("_key", None)
    if row.user_id == by.pk:
        # Nobody learns who complained of them.
        words.pop("reports", None)
    return Opened(row, words)


def _own(user: User) -> int | None:
    """Their own account, not the one that they act for at present; None once they are gone."""
    return management.personal_account_of(user).pk if user.account_id is not None else None


def content(row: Evidence) -> Iterator[bytes]:
    """The file as it was, a piece at a time. Raises FileGone or StorageAway at once, and Gone where it is not whole."""
    if row.file is None:
        raise Gone
    file = media.opened(row.file)
    return media.Reading(file, media.pieces(file) if row.sealing_owed else _opened_pieces(row, file))


def _opened_pieces(row: Evidence, file: IO[bytes]) -> Iterator[bytes]:
    from cryptography.fernet import Fernet, InvalidToken

    ring, number, last = Fernet(open_words(row)["_key"]), 0, False
    with file:
        while head := file.read(_LENGTH.size):
            (length,) = _LENGTH.unpack(head)
            if last or length > _LONGEST_PIECE:
                raise Gone
            try:
                piece = ring.decrypt(file.read(length))
            except InvalidToken:
                raise Gone from None
            stands, last = _HEAD.unpack(piece[: _HEAD.size])
            if stands != number:
                raise Gone
            number += 1
            yield piece[_HEAD.size :]
    if not last:
        raise Gone


def _pieces(path: Path, key: str) -> Iterator[bytes]:
    from cryptography.fernet import Fernet

    ring, number = Fernet(key), 0
    with path.open("rb") as file:
        chunk = file.read(CHUNK)
        while True:
            following = file.read(CHUNK)
            piece = ring.encrypt(_HEAD.pack(number, not following) + chunk)
            yield _LENGTH.pack(len(piece)) + piece
            if not following:
                return
            chunk, number = following, number + 1


def _copy(file: StoredFile, path: Path) -> None:
    with media.storage().open(file.key, "rb") as source, path.open("wb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


def _temporary() -> Path:
    folder = Path(settings.TEMPORARY)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
