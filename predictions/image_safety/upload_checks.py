"""Checks of uploaded and inline files before they are stored or used: blocklist, and classifiers for uploads.

Nothing is decoded where there is neither. A file that is no image is not checked.
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

MAX_CONCURRENT = 2
"""Files that one process probes concurrently; more wait."""
PATIENCE_S = 20.0
HASH_CACHE_S = 3600
REFUSED = "This picture was removed from this server and cannot be used again. Nothing was charged."
TOO_SENSITIVE = "This picture was too sensitive for this server and was not taken. Nothing was charged."
NOT_SEEN = (
    "This file cannot be checked within the limits of this server and was not taken. Nothing was charged."
)
NOT_CHECKED = "This picture could not be checked just now. Nothing was charged; try again."
_slots = threading.BoundedSemaphore(MAX_CONCURRENT)


class NotTaken(Exception):
    """The image is refused; the text is a sentence for users, which says that nothing was charged."""


@dataclass(frozen=True)
class _Sender:
    """The uploader of a file, and its name."""

    account: Account
    user: User
    name: str
    dry: bool = False

    def note(
        self, judgement: Judgement, probe: image_probe.ProbeResult | None = None, path: Path | None = None
    ) -> RuleHit | None:
        """Record a finding for moderators; with a thumbnail where a moderator is to see it."""
        if self.dry:
            return None
        sha256 = _digest(path) if path is not None and judgement.flagged else ""
        return findings.for_upload(self.account, self.user, self.name, judgement, probe, sha256)


def check(path: Path, account: Account, user: User, name: str) -> RuleHit | None:
    """Check a file before it is stored; returns the finding for moderators, if any. Raises NotTaken."""
    return _refuse(safety_pipeline.for_uploads(), path, _Sender(account, user, name))


def attach(hit: RuleHit | None, upload: Upload) -> None:
    """Record which upload a finding is about; in the transaction that stores the upload."""
    if hit is not None:
        findings.attach(hit, upload)


def objections(files: InputFiles, account: Account, user: User, *, dry: bool = False) -> list[Fault]:
    """One fault for each refused file of an input: data URIs, and files of this server.

    `dry`: a dry run; nothing is recorded.
    """
    pipeline = safety_pipeline.for_uploads()
    if not pipeline:
        return []
    faults = []
    for reference in files.references:
        try:
            _check_reference(pipeline, reference, _Sender(account, user, reference.name, dry))
        except NotTaken as refused:
            faults.append(Fault("not_allowed", f"input.{reference.name}", str(refused)))
    return faults


def is_refused(data: bytes) -> bool:
    """Whether a file fetched for an input is a blocked image. For workers."""
    blocked = blocklist.current()
    return bool(len(blocked)) and blocked.find(_hashes_of(data)) is not None


def _check_reference(pipeline: SafetyPipeline, reference: FileReference, sender: _Sender) -> None:
    if reference.is_inline:
        try:
            _kind, data = data_uri.parse(reference.value)
        except data_uri.NotADataUri:
            return  # reported by `validation` and `precheck`
        with _folder() as folder:
            _refuse(pipeline, _write(data, folder), sender)
    # Files stored here were checked on arrival, but may have been blocked since.
    elif (
        len(pipeline.blocked) and pipeline.blocked.find(_stored_hashes(reference, sender.account)) is not None
    ):
        sender.note(Judgement(dropped=safety_pipeline.BLOCKED))
        raise NotTaken(REFUSED)


def _stored_hashes(reference: FileReference, account: Account) -> tuple[str, ...]:
    """The hashes of the file of this server at a URL; none for any other URL."""
    if reference.upload is not None:
        rows = Upload.objects.visible().filter(account=account, public_id=reference.upload)
        upload = rows.select_related("file").first()
        return _hashes_of_stored(upload.file.key, upload.file.sha256) if upload is not None else ()
    if reference.output is None:
        return ()
    token, name = reference.output
    phash = Output.objects.filter(token=token, name=name).values_list("phash", flat=True).first()
    return (phash,) if phash else ()


def _hashes_of_stored(key: str, sha256: str) -> tuple[str, ...]:
    """The hashes of a stored file, cached."""
    cache_key = f"phash-{sha256}"
    hashes: tuple[str, ...] | None = cache.get(cache_key)
    if hashes is None:
        try:
            with media.storage().open(key, "rb") as file:
                hashes = _hashes_of(file.read())
        except OSError:
            return ()
        cache.set(cache_key, hashes, HASH_CACHE_S)
    return hashes


def _hashes_of(data: bytes) -> tuple[str, ...]:
    with _folder() as folder:
        probe = _probe(_write(data, folder), folder)
    return probe.phashes if probe is not None else ()


def _refuse(pipeline: SafetyPipeline, path: Path, sender: _Sender) -> RuleHit | None:
    if not pipeline:
        return None
    context = {"kind": "upload", "prediction": "", "index": None, "model": ""}
    with _folder() as folder:
        probe = _probe(path, folder)
        if probe is None:
            return None
        judgement = asyncio.run(pipeline.check(probe, context))
        findings.record_classifier_health([judgement])
        hit = sender.note(judgement, probe, path)
    if judgement.dropped == safety_pipeline.BLOCKED:
        raise NotTaken(REFUSED)
    if judgement.dropped:
        raise NotTaken(NOT_CHECKED if judgement.unjudged else TOO_SENSITIVE)
    return hit


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _probe(path: Path, folder: Path) -> image_probe.ProbeResult | None:
    """Probe a file in a child process; None where it is no image. Raises NotTaken where it could not be probed.

    A file that exceeds the limits of the child is refused: its first frame may be a blocked image.
    """
    if not _slots.acquire(timeout=PATIENCE_S):
        raise NotTaken(NOT_CHECKED)
    try:
        return image_probe.probe(path, folder)
    except image_probe.ProbeFailed:
        raise NotTaken(NOT_SEEN) from None
    except image_probe.UnreadableImage:
        return None
    except OSError:
        raise NotTaken(NOT_CHECKED) from None
    finally:
        _slots.release()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    settings.TEMPORARY.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.TEMPORARY, prefix="judge-") as folder:
        yield Path(folder)


def _write(data: bytes, folder: Path) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path
