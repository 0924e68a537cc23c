"""Checks files that members send, before they are kept or used: blocked pictures, and classifiers if asked.

Nothing is decoded where nothing judges. A file that is no picture is not checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.cache import cache

from accounts.models import Account, User
from core import data_uri
from predictions.files import image_probe, media
from predictions.image_safety import blocklist, findings, safety_pipeline
from predictions.image_safety.safety_pipeline import Judgement, SafetyPipeline
from predictions.inputs.files import FileReference, InputFiles
from predictions.models import Output, RuleHit, Upload
from predictions.submit.validation import Fault

AT_ONCE = 2
"""Files that one process has looked at together; more wait."""
PATIENCE_S = 20.0
HASH_KEPT_S = 3600
REFUSED = "This picture was removed from this server and cannot be used again. Nothing was charged."
TOO_SENSITIVE = "This picture was too sensitive for this server and was not taken. Nothing was charged."
NOT_SEEN = (
    "This file cannot be checked within the limits of this server and was not taken. Nothing was charged."
)
NOT_JUDGED = "This picture could not be checked just now. Nothing was charged; try again."
_slots = threading.BoundedSemaphore(AT_ONCE)


class NotTaken(Exception):
    """The picture is refused by this server; the text is a sentence for people, which says that nothing was charged."""


@dataclass(frozen=True)
class _Sender:
    """Who sent a file, and as what."""

    account: Account
    user: User
    name: str
    dry: bool = False

    def note(
        self, one: Judgement, look: image_probe.ProbeResult | None = None, path: Path | None = None
    ) -> RuleHit | None:
        """Keep what came of it, for moderators; with what it looks like, where one of them is to see it."""
        if self.dry:
            return None
        sha256 = _digest(path) if path is not None and one.flagged else ""
        return findings.for_upload(self.account, self.user, self.name, one, look, sha256)


def check(path: Path, account: Account, user: User, name: str) -> RuleHit | None:
    """Judge a file that is about to be kept; what a moderator is to see of it. Raises NotTaken."""
    return _refuse(safety_pipeline.for_uploads(), path, _Sender(account, user, name))


def attach(hit: RuleHit | None, upload: Upload) -> None:
    """Say which upload that was found in; in the transaction that keeps it."""
    if hit is not None:
        findings.attach(hit, upload)


def objections(files: InputFiles, account: Account, user: User, *, dry: bool = False) -> list[Fault]:
    """One fault for each file of an input that is refused: those that stand in it, and those of this server.

    `dry`: only to know; nothing is noted.
    """
    rules = safety_pipeline.for_uploads()
    if not rules:
        return []
    faults = []
    for one in files.references:
        try:
            _check_reference(rules, one, _Sender(account, user, one.name, dry))
        except NotTaken as refused:
            faults.append(Fault("not_allowed", f"input.{one.name}", str(refused)))
    return faults


def is_refused(data: bytes) -> bool:
    """Whether a file that was fetched for an input is a blocked picture. For workers."""
    known = blocklist.current()
    return bool(len(known)) and known.find(_hashes_of(data)) is not None


def _check_reference(rules: SafetyPipeline, one: FileReference, sender: _Sender) -> None:
    if one.is_inline:
        try:
            _kind, data = data_uri.parse(one.value)
        except data_uri.NotADataUri:
            return  # others say so, in better words
        with _folder() as folder:
            _refuse(rules, _written(data, folder), sender)
    # What is kept here already was judged when it came; but it may have been blocked since.
    elif len(rules.blocked) and rules.blocked.find(_stored_hashes(one, sender.account)) is not None:
        sender.note(Judgement(dropped=safety_pipeline.BLOCKED))
        raise NotTaken(REFUSED)


def _stored_hashes(one: FileReference, account: Account) -> tuple[str, ...]:
    """The hashes of a file of this server that an address names; none for any other address."""
    if one.upload is not None:
        rows = Upload.objects.visible().filter(account=account, public_id=one.upload)
        upload = rows.select_related("file").first()
        return _of_stored(upload.file.key, upload.file.sha256) if upload is not None else ()
    if one.output is None:
        return ()
    token, name = one.output
    phash = Output.objects.filter(token=token, name=name).values_list("phash", flat=True).first()
    return (phash,) if phash else ()


def _of_stored(key: str, sha256: str) -> tuple[str, ...]:
    """The hashes of a stored file, worked out once."""
    kept = f"phash-{sha256}"
    known: tuple[str, ...] | None = cache.get(kept)
    if known is None:
        try:
            with media.storage().open(key, "rb") as file:
                known = _hashes_of(file.read())
        except OSError:
            return ()
        cache.set(kept, known, HASH_KEPT_S)
    return known


def _hashes_of(data: bytes) -> tuple[str, ...]:
    with _folder() as folder:
        look = _look(_written(data, folder), folder)
    return look.phashes if look is not None else ()


def _refuse(rules: SafetyPipeline, path: Path, sender: _Sender) -> RuleHit | None:
    if not rules:
        return None
    context = {"kind": "upload", "prediction": "", "index": None, "model": ""}
    with _folder() as folder:
        look = _look(path, folder)
        if look is None:
            return None
        one = asyncio.run(rules.judge(look, context))
        findings.record_classifier_health([one])
        hit = sender.note(one, look, path)
    if one.dropped == safety_pipeline.BLOCKED:
        raise NotTaken(REFUSED)
    if one.dropped:
        raise NotTaken(NOT_JUDGED if one.unjudged else TOO_SENSITIVE)
    return hit


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(path: Path, folder: Path) -> image_probe.ProbeResult | None:
    """What a file is, looked at in a child; None where it is no picture. Raises where nobody could look.

    What only wears the reader out is not let through unseen: its first frame may be a picture that was removed.
    """
    if not _slots.acquire(timeout=PATIENCE_S):
        raise NotTaken(NOT_JUDGED)
    try:
        return image_probe.probe(path, folder)
    except image_probe.ProbeFailed:
        raise NotTaken(NOT_SEEN) from None
    except image_probe.UnreadableImage:
        return None
    except OSError:
        raise NotTaken(NOT_JUDGED) from None
    finally:
        _slots.release()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.TEMPORARY, prefix="judge-") as folder:
        yield Path(folder)


def _written(data: bytes, folder: Path) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path
