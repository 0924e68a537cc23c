"""Files that members send for use as inputs: kept for a day, or as long as a prediction that has not ended needs them.

Which those are stands in rows (`UploadUse`), written in the transaction that accepts a prediction and removed in the
one that ends it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Account, User
from accounts.site import feature_flags
from core import crypto
from core.clock import Now
from core.db.prepared_writes import PreparedWrite
from predictions.files import media
from predictions.image_safety import upload_checks
from predictions.models import Prediction, StoredFile, Upload, UploadUse
from predictions.submit import quotas
from predictions.submit.refusals import StorageFull

MAX_BYTES = 100 * 1024 * 1024 - 1
MAX_NAME = 255
"""The most bytes of a file name, as UTF-8."""
LIFE = timedelta(hours=24)
REMOVAL_BATCH = 50
"""Uploads that are removed in one transaction."""
_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}(?:\s*;.*)?", re.ASCII)


class TooLarge(Exception):
    """The file is 100 MB or more."""


@dataclass(frozen=True)
class Sent:
    """Metadata sent with a file: its name, its type and the caller's own notes."""

    name: str
    content_type: str
    metadata: dict[str, Any]


def keep(user: User, account: Account, sent: Sent, chunks: Iterable[bytes]) -> Upload:
    """Store a file under a row of its account.

    Raises TooLarge, upload_checks.NotTaken, media.DiskFull, feature_flags.FeatureOff, refusals.StorageFull or
    refusals.TooManyWaiting.
    """
    feature_flags.require("uploads")
    if not media.has_free_disk():
        raise media.DiskFull
    _refuse_full(account, 0)
    md5 = hashlib.md5(usedforsecurity=False)
    with media.Writing(MAX_BYTES) as writing:
        try:
            for chunk in chunks:
                md5.update(chunk)
                writing.write(chunk)
        except ValueError:
            raise TooLarge from None
        sha256 = writing.finished()
        _refuse_full(account, writing.size)
        found = upload_checks.check(writing.path, account, user, sent.name)
        content_type = safe_type(sent.content_type)
        try:
            place = media.reserve_upload(account, writing.size)
        except quotas.QuotaExceeded:
            # Others of the account were kept meanwhile.
            raise quotas.refusal_of_upload(account, writing.size) or StorageFull() from None
        file = media.store(place, writing.path, sha256=sha256, content_type=content_type)
    with media.doom_on_error([file]), transaction.atomic():
        upload = Upload.objects.create(
            user=user,
            account=account,
            file=file,
            name=sent.name,
            content_type=content_type,
            md5=md5.hexdigest(),
            metadata=sent.metadata,
            expires_at=timezone.now() + LIFE,
        )
        media.keep([file])
        upload_checks.attach(found, upload)
    return upload


def _refuse_full(account: Account, size: int) -> None:
    """Refuse early with a clear message; the quota itself is counted when the file is reserved."""
    refusal = quotas.refusal_of_upload(account, size)
    if refusal is not None:
        raise refusal


def safe_type(text: str) -> str:
    """A caller's media type without its parameters; `application/octet-stream` where it is none."""
    return text.split(";")[0].strip().lower() if _TYPE.fullmatch(text.strip()) else "application/octet-stream"


def delete(upload: Upload) -> None:
    """Delete an upload for everybody; the bytes stay while a live prediction of the account references it."""
    Upload.objects.filter(pk=upload.pk, deleted_at__isnull=True).update(deleted_at=Now())
    _remove_unneeded([upload.pk])


def lock(upload_id: int) -> Upload | None:
    """Lock an upload and its file until the end of the transaction; None where it was deleted.

    Before whatever names it: its removal takes those names away too, and has the upload locked by then.
    """
    rows = Upload.objects.select_for_update(of=("self",)).select_related("file")
    return rows.filter(pk=upload_id).first()


def take_away(upload_id: int) -> bool:
    """Remove an upload from all users, its uploader included. Returns whether it existed. The sweep removes the bytes.

    In the transaction of whoever decided so.
    """
    rows = Upload.objects.filter(pk=upload_id, deleted_at__isnull=True)
    return bool(rows.update(deleted_at=Now()))


def hand_over(upload_id: int) -> StoredFile | None:
    """Delete an upload and return its file, also where predictions wait for it.

    Whoever calls owns or dooms the file in the same transaction.
    """
    # Locked first, so that no prediction is accepted meanwhile that names it.
    upload = lock(upload_id)
    if upload is None:
        return None
    UploadUse.objects.filter(upload=upload).delete()
    Upload.objects.filter(pk=upload_id).delete()
    return upload.file


def usable(account: Account, public_id: str) -> bool:
    """Whether an account may reference this upload in a new prediction."""
    return Upload.objects.visible().filter(account=account, public_id=public_id).exists()


class UploadGone(Exception):
    """An upload that a new prediction references was deleted, or expired, since it was checked."""


def note_uses(account: Account, uploads_by_prediction: Mapping[int, Collection[str]]) -> None:
    """Record which uploads new predictions use: public ids by prediction key. Raises UploadGone.

    Call it in the transaction that inserts the predictions.
    """
    wanted = {public_id for ids in uploads_by_prediction.values() for public_id in ids}
    # In one order, so that two that lock the same ones never wait for each other. Locked, none of them is removed.
    rows = Upload.objects.visible().filter(account=account, public_id__in=wanted)
    found = {row.public_id: row.pk for row in rows.select_for_update(no_key=True).order_by("pk")}
    if len(found) < len(wanted):
        raise UploadGone
    UploadUse.objects.bulk_create(
        UploadUse(upload_id=found[public_id], prediction_id=pk)
        for pk, ids in uploads_by_prediction.items()
        for public_id in ids
    )


def use(upload_id: int, prediction_id: int) -> bool:
    """Record the use of an upload by an older prediction; False where that has ended. The audit's repair."""
    with transaction.atomic():
        live = Prediction.objects.live().filter(pk=prediction_id).select_for_update()
        if not live.exists():
            return False
        UploadUse.objects.get_or_create(upload_id=upload_id, prediction_id=prediction_id)
    return True


def end_uses(prediction_id: int) -> None:
    """Delete the uses of uploads by a prediction; in the transaction that ends it."""
    _END_USES.run(prediction=prediction_id)


_END_USES = PreparedWrite(lambda prediction: (UploadUse.objects.filter(prediction_id=prediction), {}))


def remove_unneeded(most: int = 200) -> int:
    """Remove deleted and expired uploads that no prediction needs, oldest first. Returns how many.

    A few in a transaction. What is needed is left out by the database and holds nothing else back.
    """
    due = _unneeded().order_by("pk").values_list("pk", flat=True)
    found = list(due[:most])
    return sum(_remove_unneeded(found[at : at + REMOVAL_BATCH]) for at in range(0, len(found), REMOVAL_BATCH))


def _remove_unneeded(ids: list[int]) -> int:
    """Remove the unneeded among these. Returns how many."""
    with transaction.atomic():
        # What a create names at this moment is locked by it, and looked at again in the next round.
        rows = Upload.objects.filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True)
        locked = dict(rows.values_list("pk", "file_id"))
        # Asked under the locks, so that no use can be written any more between the answer and the DELETE.
        gone = list(_unneeded().filter(pk__in=locked).values_list("pk", flat=True))
        if gone:
            Upload.objects.filter(pk__in=gone).delete()
            media.doom([locked[pk] for pk in gone])
    return len(gone)


def _unneeded() -> QuerySet[Upload]:
    """Deleted or expired uploads that no live prediction references."""
    used = Exists(UploadUse.objects.filter(upload=OuterRef("pk")))
    return Upload.objects.filter(Q(deleted_at__isnull=False) | Q(expires_at__lte=Now())).filter(~used)


def signature(account: Account, public_id: str, expiry: int, secret_key: str = "") -> str:
    """Base64 of HMAC-SHA256 over `owner id expiry` with the account's own key: of the newest secret key, or of this."""
    own = (secret_key or settings.SECRET_KEY).encode()
    key = hmac.digest(own, f"files {account.pk}".encode(), "sha256")
    text = f"{account.name} {public_id} {expiry}"
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()


def signed_path(upload: Upload, until: datetime) -> str:
    """Path and query of a signed download URL of an upload, valid until that time."""
    expiry = int(until.timestamp())
    sign = signature(upload.account, upload.public_id, expiry)
    query = urlencode({"owner": upload.account.name, "expiry": expiry, "signature": sign})
    return f"/v1/files/{upload.public_id}/download?{query}"


def opens(upload: Upload, owner: str, expiry: str, given: str) -> bool:
    """Whether the signature of a download URL is valid and not expired."""
    if owner != upload.account.name or not expiry.isascii() or not expiry.isdigit() or len(expiry) > 12:
        return False
    ours = (signature(upload.account, upload.public_id, int(expiry), key) for key in crypto.signing_keys())
    is_ours = any(hmac.compare_digest(one.encode(), given.encode()) for one in ours)
    return is_ours and int(expiry) > timezone.now().timestamp()
