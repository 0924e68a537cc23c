"""Audit of stored files: every output's and upload's file exists with its digest, and every file has an owner."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.core.files.storage import Storage
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from core.db.invariants import BATCH, Breach, in_batches
from predictions.files import media, removal
from predictions.models import Output, Prediction, Status, StoredFile, Upload

GRACE = timedelta(hours=1)
"""How long work under way may have files without a row, and rows without a file."""
SWEEP_GRACE = GRACE + timedelta(minutes=10)
"""How long an unowned file may stay: the grace above, and time for the sweep to remove it."""


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """Breaches of stored files. `quick` compares sizes only."""
    yield from _outputs(quick)
    yield from _uploads(quick)
    yield from _successes_without_output()
    yield from _unowned()
    yield from _left_behind()
    yield from _orphans(media.storage())


def checked() -> dict[str, int]:
    """How many rows there were to check."""
    return {"outputs": Output.objects.count(), "files": StoredFile.objects.count()}


def _outputs(quick: bool) -> Iterator[Breach]:
    storage = media.storage()
    rows = Output.objects.select_related("file", "small", "medium", "prediction").defer(
        "blur", "prediction__input", "prediction__logs", "prediction__output"
    )
    for output in in_batches(rows, 100):
        subject = f"{output.prediction.public_id}/{output.name}"
        if output.prediction.status != Status.SUCCEEDED:
            yield Breach("output", subject, f"belongs to a prediction that is {output.prediction.status}")
        for file in (output.file, output.small, output.medium):
            fault = _fault(storage, file, quick) if file is not None else ""
            # Its owner may have deleted it meanwhile: then it is no breach.
            if fault and Output.objects.filter(pk=output.pk).exists():
                yield Breach("file", subject, fault)


def _fault(storage: Storage, file: StoredFile, quick: bool) -> str:
    if file.state != StoredFile.State.KEPT:
        return f"its file {file.key} is {file.state}"
    try:
        size = storage.size(file.key)
        if size != file.size:
            return f"its file {file.key} has {size} bytes where {file.size} were stored"
        if not quick and _digest(storage, file.key) != file.sha256:
            return f"its file {file.key} has other content than was stored"
    except FileNotFoundError:
        return f"its file {file.key} is not in the storage"
    return ""


def _digest(storage: Storage, key: str) -> str:
    digest = hashlib.sha256()
    with storage.open(key, "rb") as file:
        while chunk := file.read(media.CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _uploads(quick: bool) -> Iterator[Breach]:
    storage = media.storage()
    for upload in in_batches(Upload.objects.select_related("file"), 100):
        fault = _fault(storage, upload.file, quick)
        if fault and Upload.objects.filter(pk=upload.pk).exists():
            yield Breach("file", upload.public_id, fault)


def _successes_without_output() -> Iterator[Breach]:
    rows = (
        Prediction.objects.filter(status=Status.SUCCEEDED, data_removed=False)
        .filter(~Exists(Output.objects.filter(prediction=OuterRef("pk"))))
        .select_related("version")
        .only("public_id", "version__output_schema")
    )
    for prediction in in_batches(rows):
        if prediction.version.gives_files and rows.filter(pk=prediction.pk).exists():
            yield Breach("output", prediction.public_id, "succeeded, but no output of it is kept")


def _unowned() -> Iterator[Breach]:
    kept = StoredFile.objects.filter(state=StoredFile.State.KEPT)
    owning = [Exists(Output.objects.filter(**{name: OuterRef("pk")})) for name in ("file", "small", "medium")]
    owning.append(Exists(Upload.objects.filter(file=OuterRef("pk"))))
    unowned = kept.filter(*(~owner for owner in [*owning, *removal.registered_owners()]))
    for file in in_batches(unowned):
        if unowned.filter(pk=file.pk).exists():
            yield Breach("file", file.key, "is kept, but nothing owns it")


def _left_behind() -> Iterator[Breach]:
    late = timezone.now() - SWEEP_GRACE
    doomed = Q(state=StoredFile.State.DOOMED) & Q(doomed_at__lte=late)
    pending = Q(state=StoredFile.State.PENDING, created_at__lte=late)
    for file in in_batches(StoredFile.objects.filter(doomed | pending)):
        word = "doomed" if file.state == StoredFile.State.DOOMED else "pending"
        if file.removal_failures:
            times = f"{file.removal_failures} time{'s' if file.removal_failures > 1 else ''}"
            message = f"could not be removed {times}: the storage refuses it; it is tried again and again"
            yield Breach("file", file.key, message)
            continue
        missing = word == "pending" and media.is_missing(file)
        yield Breach(
            "file",
            file.key,
            f"is {word} for more than an hour{' and has no bytes' if missing else ''}; is the sweep running?",
            partial(_delete_row, file) if missing else None,
        )


def _delete_row(file: StoredFile) -> str:
    removed = removal.delete_missing(file)
    return f"removed the row of {file.key}" if removed else f"left {file.key}: it changed meanwhile"


def _orphans(storage: Storage) -> Iterator[Breach]:
    keys = _keys(storage, "")
    while batch := list(islice(keys, BATCH)):
        known = set(StoredFile.objects.filter(key__in=batch).values_list("key", flat=True))
        for key in batch:
            if key not in known and _is_orphan(storage, key):
                yield Breach("orphan", key, "is in the storage, but no row knows it", partial(_doom, key))


def _is_orphan(storage: Storage, key: str) -> bool:
    try:
        changed: datetime = storage.get_modified_time(key)
    except FileNotFoundError:
        return False
    # A row is written before the bytes, so an old file without one will not get one.
    return changed < timezone.now() - GRACE and not StoredFile.objects.filter(key=key).exists()


def _doom(key: str) -> str:
    if len(key) > (StoredFile._meta.get_field("key").max_length or 0):
        return f"left {key}: its name is longer than a key; remove it by hand"
    return f"doomed {key}; the sweep removes it" if media.doom_orphan(key) else f"left {key}: a row has come"


def _keys(storage: Any, folder: str) -> Iterator[str]:
    """Every file below a folder of the storage. Only one folder's names are in memory at a time."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    prefix = f"{folder}/" if folder else ""
    for name in sorted(files):
        yield f"{prefix}{name}"
    for name in sorted(folders):
        yield from _keys(storage, f"{prefix}{name}")
