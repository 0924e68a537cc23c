"""Files that members send for use as inputs: kept for a day, or as long as a live prediction needs them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import switches
from accounts.clock import Now
from accounts.models import Account, User
from predictions.files import media
from predictions.models import Prediction, StoredFile, Upload

MAX_BYTES = 100 * 1024 * 1024 - 1
MAX_NAME = 255
"""Bytes of a file name as UTF-8."""
LIFE = timedelta(hours=24)
_ADDRESS = re.compile(r"(?:/replicate)?/v1/files/([a-z0-9]{26})(?:/download)?(?:\?.*)?")
_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}(?:\s*;.*)?", re.ASCII)


class TooLarge(Exception):
    """The file is 100 MB or more."""


class NotTaken(Exception):
    """The picture is refused by the house; the text is a sentence for people, which says that nothing was charged."""


@dataclass(frozen=True)
class Sent:
    """What came with a file: its name and type as the caller says, and whatever the caller notes about it."""

    name: str
    content_type: str
    metadata: dict[str, Any]


def keep(user: User, account: Account, sent: Sent, chunks: Iterable[bytes]) -> Upload:
    """Store a file under a row of its account. Raises TooLarge, NotTaken, media.DiskFull, or switches.SwitchedOff."""
    # Here: what judges files knows what an upload is.
    from predictions.judging import sent as judging

    switches.require("uploads")
    if not media.has_room():
        raise media.DiskFull
    md5 = hashlib.md5(usedforsecurity=False)
    with media.Writing(MAX_BYTES) as writing:
        try:
            for chunk in chunks:
                md5.update(chunk)
                writing.write(chunk)
        except ValueError:
            raise TooLarge from None
        sha256 = writing.finished()
        found = judging.check(writing.path, account, user, sent.name)
        content_type = safe_type(sent.content_type)
        file = media.store(media.reserve("upload"), writing.path, sha256=sha256, content_type=content_type)
    with transaction.atomic():
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
        judging.belongs(found, upload)
    return upload


def safe_type(text: str) -> str:
    """The type that a caller gave, without its parameters; bytes of no known kind where it is none."""
    return text.split(";")[0].strip().lower() if _TYPE.fullmatch(text.strip()) else "application/octet-stream"


def delete(upload: Upload) -> None:
    """Gone from now on for everybody; the bytes stay while a live prediction of the account names it."""
    Upload.objects.filter(pk=upload.pk, deleted_at__isnull=True).update(deleted_at=Now())
    remove_unneeded(account_id=upload.account_id)


def take_away(upload_id: int) -> bool:
    """Nobody uses it any more, its sender neither; whether it was there. The sweep removes the bytes.

    In the transaction of whoever decided so.
    """
    rows = Upload.objects.filter(pk=upload_id, deleted_at__isnull=True)
    return bool(rows.update(deleted_at=Now()))


def hand_over(upload_id: int) -> StoredFile | None:
    """Take the file from an upload, which is gone with that. Whoever calls owns or dooms it in the same transaction."""
    upload = Upload.objects.select_related("file").filter(pk=upload_id).first()
    if upload is None or not Upload.objects.filter(pk=upload_id).delete()[0]:
        return None
    return upload.file


def named_by(url: str, origins: Iterable[str]) -> str | None:
    """The id of the upload that an address of ours names; None for any other address."""
    for origin in origins:
        if origin and url.startswith(origin):
            match = _ADDRESS.fullmatch(url.removeprefix(origin))
            if match:
                return match.group(1)
    return None


def usable(account: Account, public_id: str) -> bool:
    """Whether an account may name this upload in a new prediction."""
    return Upload.objects.visible().filter(account=account, public_id=public_id).exists()


def remove_unneeded(most: int = 200, *, account_id: int | None = None) -> int:
    """Remove uploads that are deleted or past their time and that no live prediction names. Returns how many."""
    rows = Upload.objects.filter(Q(deleted_at__isnull=False) | Q(expires_at__lte=Now())).select_related(
        "file"
    )
    if account_id is not None:
        rows = rows.filter(account_id=account_id)
    removed = 0
    for upload in rows.order_by("pk")[:most]:
        with transaction.atomic():
            if _needed(upload):
                continue
            file = upload.file
            if Upload.objects.filter(pk=upload.pk).delete()[0]:
                media.doom([file])
                removed += 1
    return removed


def _needed(upload: Upload) -> bool:
    live = Prediction.objects.live().filter(account_id=upload.account_id).values_list("input", flat=True)
    return any(upload.public_id in json.dumps(given) for given in live.iterator(chunk_size=100))


def signature(account: Account, public_id: str, expiry: int) -> str:
    """Base64 of HMAC-SHA256 over `owner id expiry` with the account's own key."""
    key = hmac.digest(settings.SECRET_KEY.encode(), f"files {account.pk}".encode(), "sha256")
    text = f"{account.name} {public_id} {expiry}"
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()


def signed_path(upload: Upload, until: datetime) -> str:
    """Path and query at which anybody may download an upload until that moment, as long as the upload lasts."""
    expiry = int(until.timestamp())
    sign = signature(upload.account, upload.public_id, expiry)
    query = urlencode({"owner": upload.account.name, "expiry": expiry, "signature": sign})
    return f"/v1/files/{upload.public_id}/download?{query}"


def opens(upload: Upload, owner: str, expiry: str, given: str) -> bool:
    """Whether a download address is one that we signed and its time is not over."""
    if owner != upload.account.name or not expiry.isascii() or not expiry.isdigit() or len(expiry) > 12:
        return False
    expected = signature(upload.account, upload.public_id, int(expiry))
    return hmac.compare_digest(expected.encode(), given.encode()) and int(expiry) > timezone.now().timestamp()
