"""Sealed evidence of removed items: encrypted, reachable by no URL, every access in the audit log.

The texts (prompt, settings, reports) are encrypted with the server's keys. Among them is a key of the
evidence's own that encrypts its file: in chunks, each with its number and the last one marked, so that none can
be dropped or moved. Rotating the server's keys therefore only re-encrypts the texts.
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
from predictions.files import file_responses, image_probe, media
from predictions.models import StoredFile

log = structlog.get_logger(__name__)

PERMISSION = "gallery.remove_item"
CHUNK = 256 * 1024
"""Bytes of plain text per encrypted chunk."""
RETRY_S = 60.0
"""Seconds until a file that could not be encrypted is tried again."""
_stuck: dict[int, float] = {}
"""Evidence that this process failed to seal, and until when it is skipped (monotonic)."""
_HEAD = struct.Struct(">Q?")
_LENGTH = struct.Struct(">I")
_LONGEST_PIECE = 2 * CHUNK
_LONGEST_REASON = 200
_LONGEST_INPUT = 4000


class NotAllowed(Exception):
    """The user may not open evidence."""


class Gone(Exception):
    """It has expired, or no key of this server decrypts it."""


@dataclass(frozen=True)
class OpenedEvidence:
    """Opened evidence."""

    row: Evidence
    words: dict[str, Any] = field(repr=False)


def is_evidence_file() -> Exists:
    """A condition on stored files: whether one is kept as evidence."""
    return Exists(Evidence.objects.filter(file=OuterRef("pk")))


# -- Texts
# -----------------------------------------------------------------------------------------------------------


def encrypt_texts(texts: dict[str, Any]) -> str:
    """Encrypt the texts about an item, with a fresh key for its file."""
    from cryptography.fernet import Fernet

    key = Fernet.generate_key().decode("ascii")
    text = json.dumps({**texts, "_key": key}, ensure_ascii=False, default=str)
    # Not `crypto.encrypt`: that adds what it encrypts to the secrets redacted from every log line.
    return crypto.fernet_for(crypto.keys()).encrypt(text.encode("utf-8", "replace")).decode("ascii")


def decrypt_texts(row: Evidence) -> dict[str, Any]:
    """The decrypted texts, with the key of the file under `_key`. Raises Gone."""
    from cryptography.fernet import InvalidToken

    try:
        text = crypto.fernet_for(crypto.keys()).decrypt(row.words.encode())
    except (InvalidToken, crypto.NoMatchingKey):
        raise Gone from None
    texts: dict[str, Any] = json.loads(text)
    return texts


def shortened(value: Any) -> Any:
    """An input with long values (files as data URIs) cut to their beginning."""
    if isinstance(value, str) and len(value) > _LONGEST_INPUT:
        return f"{value[: _LONGEST_INPUT if ' ' in value[:200] else 60]}… ({len(value)})"
    if isinstance(value, dict):
        return {key: shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shortened(inner) for inner in value]
    return value


# -- Background jobs
# -------------------------------------------------------------------------------------------------


def run_once() -> bool:
    """Background job: encrypt one file taken over, and block its picture where required. Returns whether there
    was one."""
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
            # Tried again later; any number of failing ones hold up no other.
            _stuck[row.pk] = now + RETRY_S
            is_expected = isinstance(fault, Gone | OSError | media.DiskFull)
            exc_info = None if is_expected else fault
            log.error("evidence_not_sealed", evidence=row.pk, why=type(fault).__name__, exc_info=exc_info)
            continue
        return True
    return False


def due() -> QuerySet[Evidence]:
    """Evidence whose file is not encrypted yet."""
    return Evidence.objects.filter(sealing_owed=True)


def seal(row: Evidence) -> None:
    """Encrypt its file into a new one, and doom the plain one. Can be killed anywhere and starts over.

    Until the one transaction at its end the plain file belongs to the evidence, and the other is a pending one
    that the sweep removes.
    """
    plain = row.file
    if plain is None or media.is_missing(plain):
        _sealed(row, plain, None)
        return
    with TemporaryDirectory(dir=_temporary(), prefix="seal-") as folder:
        copy = Path(folder) / "plain"
        _copy(plain, copy)
        if row.block_owed and not row.phash:
            _block_by_hash(row, copy, Path(folder))
        if not Evidence.objects.filter(pk=row.pk, sealed_until__gt=Now()).exists():
            # Site settings keep no evidence, or it has expired: only the plain file is left to remove.
            _sealed(row, plain, None)
            return
        with media.Writing(2 * plain.size + _LONGEST_PIECE) as writing:
            for piece in _encrypted_chunks(copy, decrypt_texts(row)["_key"]):
                writing.write(piece)
            digest = writing.finished()
            encrypted = media.reserve("sealed")
            media.store(encrypted, writing.path, sha256=digest, content_type="application/octet-stream")
    _sealed(row, plain, encrypted)


def _sealed(row: Evidence, plain: StoredFile | None, encrypted: StoredFile | None) -> None:
    with transaction.atomic():
        changed = Evidence.objects.filter(pk=row.pk, file=plain, sealing_owed=True).update(
            file=encrypted, sealing_owed=False, block_owed=False
        )
        if changed:
            media.keep([encrypted] if encrypted is not None else [])
            media.doom([plain] if plain is not None else [])


def _block_by_hash(row: Evidence, copy: Path, folder: Path) -> None:
    try:
        phash = image_probe.probe(copy, folder).phash
    except (image_probe.UnreadableImage, OSError) as fault:
        log.warning("evidence_not_hashed", evidence=row.pk, why=type(fault).__name__)
        return
    if phash:
        with transaction.atomic():
            Evidence.objects.filter(pk=row.pk, phash="").update(phash=phash)
            row.phash = phash
            block(row, reason="", by=row.made_by)


def block(row: Evidence, *, reason: str, by: User | None) -> None:
    """Block the same picture from now on, where its hash is known; else the background job computes it first."""
    if row.phash:
        image_safety.block(row.phash, reason=reason, case=row.case_id, by=by)
        Evidence.objects.filter(pk=row.pk).update(block_owed=False)


def delete_expired() -> bool:
    """Background job: delete expired evidence. Returns whether there was any."""
    return _OLD.step()


def expired() -> QuerySet[Evidence]:
    """Expired evidence that `delete_expired` has to delete."""
    return Evidence.objects.filter(gone_at__isnull=True, sealed_until__lte=Now(), sealing_owed=False)


def _expire(due_row: tuple[int]) -> bool:
    row = expired().filter(pk=due_row[0]).select_related("file").first()
    if row is None or not expired().filter(pk=row.pk).update(file=None, words="", gone_at=Now()):
        return False
    media.doom([row.file] if row.file is not None else [])
    audit_log.write(None, "evidence.forget", row, case=row.case_id)
    return True


_OLD = DueRows("old evidence", lambda: expired().values_list("pk"), _expire)


# -- Access
# ----------------------------------------------------------------------------------------------------------


def open_evidence(number: int, by: User, reason: str) -> OpenedEvidence:
    """Open evidence for a reason, which is logged. Raises NotAllowed, Evidence.DoesNotExist, Gone, and
    ValueError without a reason."""
    if not by.has_perm(PERMISSION):
        raise NotAllowed
    reason = reason.replace("\x00", "").strip()[:_LONGEST_REASON]
    if not reason:
        raise ValueError("Opening evidence has a reason.")
    with transaction.atomic():
        row = Evidence.objects.select_related("file", "user", "case").get(pk=number)
        if row.gone_at is not None or not row.words:
            raise Gone
        texts = decrypt_texts(row)
        account = row.case.account_id if row.case is not None else _personal_account_id(row.user)
        audit_log.write(by, "evidence.open", row, reason=reason, account=account, case=row.case_id)
    texts.pop("_key", None)
    if row.user_id == by.pk:
        # Nobody learns who reported them.
        texts.pop("reports", None)
    return OpenedEvidence(row, texts)


def _personal_account_id(user: User) -> int | None:
    """The personal account, not the one they act for at present; None for erased users."""
    return management.personal_account_of(user).pk if user.account_id is not None else None


def content(row: Evidence) -> Iterator[bytes]:
    """The original file in chunks. Raises FileMissing or StorageUnavailable at once, Gone where it is incomplete."""
    if row.file is None:
        raise Gone
    file = media.open_file(row.file)
    return file_responses.Reading(
        file, media.chunks(file) if row.sealing_owed else _decrypted_chunks(row, file)
    )


def _decrypted_chunks(row: Evidence, file: IO[bytes]) -> Iterator[bytes]:
    from cryptography.fernet import Fernet, InvalidToken

    ring, number, last = Fernet(decrypt_texts(row)["_key"]), 0, False
    with file:
        while head := file.read(_LENGTH.size):
            (length,) = _LENGTH.unpack(head)
            if last or length > _LONGEST_PIECE:
                raise Gone
            try:
                piece = ring.decrypt(file.read(length))
            except InvalidToken:
                raise Gone from None
            chunk_number, last = _HEAD.unpack(piece[: _HEAD.size])
            if chunk_number != number:
                raise Gone
            number += 1
            yield piece[_HEAD.size :]
    if not last:
        raise Gone


def _encrypted_chunks(path: Path, key: str) -> Iterator[bytes]:
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
