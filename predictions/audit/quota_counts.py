"""Audit of account usage counters against the rows they count, and of the pins that keep uploads in use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from core.db.invariants import Breach, in_batches
from predictions.files import uploads
from predictions.inputs.files import InputFiles
from predictions.models import AccountUsage, Prediction, Upload, UploadUse
from predictions.models.prediction import ENDED
from predictions.submit import quotas

_COLUMNS = {
    "predictions": "predictions that have not ended",
    "input_bytes": "bytes of their inputs",
    "output_bytes": "bytes of their outputs to come",
    "stored_bytes": "bytes stored",
    "upload_bytes": "bytes of uploads",
}


def breaches(*, quick: bool = False) -> Iterator[Breach]:
    """Wrong counters, missing pins and pins left over. `quick` does not parse what inputs name."""
    yield from _usage()
    yield from _uses_left()
    yield from _uses_of_others()
    if not quick:
        yield from _uses_missing()


def _usage() -> Iterator[Breach]:
    for account in in_batches(quotas.uncounted()):
        if quotas.uncounted().filter(pk=account.pk).exists():
            yield _breach(account.pk, "takes room, and none of it is counted")
    for row in in_batches(quotas.miscounted()):
        confirmed = _confirmed(row.pk)
        if confirmed is not None:
            yield _breach(row.pk, _message(confirmed))


def _confirmed(account_id: int) -> Any:
    """The row once more under its lock, if it is still wrong: concurrent changes wait meanwhile."""
    with transaction.atomic():
        AccountUsage.objects.select_for_update().get(pk=account_id)
        return quotas.miscounted().filter(pk=account_id).first()


def _message(usage: Any) -> str:
    differences = [
        f"{getattr(usage, name)} {label} where there are {getattr(usage, f'true_{name}')}"
        for name, label in _COLUMNS.items()
        if getattr(usage, name) != getattr(usage, f"true_{name}")
    ]
    return f"counts {', '.join(differences)}"


def _breach(account_id: int, words: str) -> Breach:
    return Breach("room", f"account {account_id}", words, partial(_recounted, account_id))


def _recounted(account_id: int) -> str:
    quotas.recount(account_id)
    return "counted anew"


def _uses_left() -> Iterator[Breach]:
    left = UploadUse.objects.filter(prediction__status__in=ENDED).select_related("upload", "prediction")
    for use in in_batches(left):
        if left.filter(pk=use.pk).exists():
            words = f"is kept for {use.prediction.public_id}, which has ended"
            yield Breach("upload", use.upload.public_id, words, partial(_removed, use))


def _removed(use: UploadUse) -> str:
    uploads.end_uses(use.prediction_id)
    return "kept for it no longer"


def _uses_of_others() -> Iterator[Breach]:
    others = UploadUse.objects.exclude(upload__account=F("prediction__account"))
    for use in in_batches(others.select_related("upload", "prediction")):
        yield Breach(
            "upload", use.upload.public_id, f"is used by {use.prediction.public_id} of another account"
        )


def _uses_missing() -> Iterator[Breach]:
    rows = (
        Prediction.objects.live()
        .select_related("version")
        .only("public_id", "account", "input", "origin", "version")
    )
    for prediction in in_batches(rows, 20):
        named = InputFiles.of_prediction(prediction).uploads
        if not named:
            continue
        use = UploadUse.objects.filter(upload=OuterRef("pk"), prediction=prediction)
        unused = Upload.objects.filter(~Exists(use), account_id=prediction.account_id, public_id__in=named)
        for upload in unused:
            if Prediction.objects.live().filter(pk=prediction.pk).exists():
                words = f"is named by {prediction.public_id}, for which nothing keeps it"
                yield Breach("upload", upload.public_id, words, partial(_used, upload, prediction))


def _used(upload: Upload, prediction: Prediction) -> str:
    return (
        "kept for it from now on" if uploads.use(upload.pk, prediction.pk) else "left as it is: it has ended"
    )
