"""Rows for tests: each function fills what a test does not care about; money is written through `credits`.

Amounts are micro-credits unless a name says credits. Pictures are real bytes in the storage `outputs`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone
from PIL import Image

from accounts import credits
from accounts.models import MICRO, Account, LedgerEntry, User
from accounts.tokens import api_tokens
from core.db.prepared import Prepared
from gallery.models import Item, ShareLink
from predictions.files import uploads
from predictions.models import (
    HostedModel,
    Output,
    Phase,
    Prediction,
    Price,
    Status,
    StoredFile,
    Upload,
    Version,
)
from predictions.models.prediction import LIVE
from predictions.submit import quotas

_count = itertools.count(1)
_ACCOUNT = Prepared[Account](lambda pk: Account.objects.filter(pk=pk)[:1])

INPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Input",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "title": "Prompt", "x-order": 0},
        "width": {
            "type": "integer",
            "title": "Width",
            "default": 512,
            "minimum": 64,
            "maximum": 2048,
            "x-order": 1,
        },
        "seed": {"type": "integer", "title": "Seed", "x-order": 2},
    },
}
OUTPUT_SCHEMA: dict[str, Any] = {
    "type": "array",
    "title": "Output",
    "items": {"type": "string", "format": "uri"},
}


def make_user(username: str = "", *, credit: float = 0, **fields: Any) -> User:
    """A user with an account of their own; `credit` in credits. The password is `correct horse`."""
    username = username or f"user{next(_count)}"
    fields.setdefault("email", f"{username}@example.org")
    user = User.objects.create_user(username=username, password="correct horse", **fields)
    if credit:
        give(user, credit)
    return user


def make_staff(username: str = "boss", **fields: Any) -> User:
    """A user with every permission of the admin panel."""
    return make_user(username, is_staff=True, is_superuser=True, **fields)


def account_of(user: User) -> Account:
    """The user's account as the database has it now."""
    assert user.account_id is not None
    account = _ACCOUNT.first(pk=user.account_id)
    assert account is not None
    return account


def give(user: User, credit: float) -> LedgerEntry:
    """Add credits (not micro-credits) to a user's account."""
    return credits.grant(account_of(user), int(credit * MICRO), reason="for a test")


def make_token(user: User, name: str = "test") -> str:
    """An API token's text."""
    return api_tokens.issue(user, name)[1]


def make_model(owner: str = "acme", name: str = "", **fields: Any) -> HostedModel:
    """A model of the catalogue, without versions and prices."""
    return HostedModel.objects.create(owner=owner, name=name or f"model-{next(_count)}", **fields)


def make_price(
    model: HostedModel, amount: int = MICRO, unit: str = Price.Unit.OUTPUT, *, number: int = 0
) -> Price:
    """The next price of a model, in micro-credits; `number` where it is known."""
    number = number or model.prices.count() + 1
    return Price.objects.create(model=model, number=number, unit=unit, amount=amount)


def make_version(
    model: HostedModel | None = None,
    *,
    input_schema: dict[str, Any] | None = None,
    output_schema: dict[str, Any] | None = None,
    price: int = MICRO,
    unit: str = Price.Unit.OUTPUT,
    **fields: Any,
) -> Version:
    """A version that takes a prompt, width and seed and gives a list of pictures; its model has a price."""
    if model is None:
        model = make_model()
        make_price(model, price, unit, number=1)
    elif not model.prices.exists():
        make_price(model, price, unit, number=1)
    identity = hashlib.sha256(f"{model.ref} {next(_count)}".encode()).hexdigest()
    return Version.objects.create(
        id=fields.pop("id", identity),
        model=model,
        input_schema=input_schema or INPUT_SCHEMA,
        output_schema=output_schema or OUTPUT_SCHEMA,
        **fields,
    )


@transaction.atomic
def make_prediction(
    user: User,
    version: Version | None = None,
    *,
    status: str = Status.STARTING,
    ceiling: int = MICRO,
    charge: int | None = None,
    **fields: Any,
) -> Prediction:
    """A prediction with its hold and, where it has ended, its settle row. A success is charged its ceiling.

    The account is given what the hold needs if it has too little.
    """
    version = version or make_version()
    live = status in LIVE
    if charge is None:
        charge = ceiling if status == Status.SUCCEEDED else 0
    now = timezone.now()
    ended = {} if live else {"completed_at": now, "phase": Phase.ENDED, "charge": charge}
    values: dict[str, Any] = {
        "input": {"prompt": "a red lighthouse"},
        "phase": Phase.WAITING,
        "must_end_by": now + timedelta(hours=1),
        **ended,
        **fields,
    }
    account = account_of(user)
    short = ceiling - account.balance
    if short > 0:
        credits.grant(account, short, reason="for a test")
    prediction = Prediction.objects.create(
        account=account,
        user=user,
        model=version.model,
        version=version,
        status=status,
        price=version.model.prices.order_by("-number")[0],
        ceiling=ceiling,
        **values,
    )
    credits.hold(account.pk, ceiling, prediction.public_id)
    if live:
        quotas.recount(account.pk)
    if not live:
        credits.settle(account.pk, prediction.public_id, charge)
    return prediction


@functools.cache
def picture(width: int = 64, height: int = 48, colour: str = "#c03020", form: str = "PNG") -> bytes:
    """A real picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, form)
    return buffer.getvalue()


def make_stored_file(content: bytes | None = None, *, key: str = "", **fields: Any) -> StoredFile:
    """A kept file with its bytes in the storage, its size and its digest."""
    file = new_stored_file(content, key=key, **fields)
    file.save(force_insert=True)
    return file


def new_stored_file(content: bytes | None = None, *, key: str = "", **fields: Any) -> StoredFile:
    """The same, but that its row is still to be saved: several go at once."""
    content = picture() if content is None else content
    key = key or f"outputs/te/st/{next(_count):08d}.png"
    storages["outputs"].save(key, ContentFile(content))
    values: dict[str, Any] = {
        "state": StoredFile.State.KEPT,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "image/png",
        "width": 64,
        "height": 48,
        **fields,
    }
    return StoredFile(key=key, **values)


def stored(file: StoredFile) -> bytes:
    """What lies in the storage for it."""
    with storages["outputs"].open(file.key) as opened:
        return opened.read()


def make_output(prediction: Prediction, *, file: StoredFile | None = None, **fields: Any) -> Output:
    """One output file of a prediction, without thumbnails."""
    number = next(_count)
    if "index" not in fields:
        fields["index"] = prediction.outputs.count()
    values: dict[str, Any] = {
        "name": f"out-{number}.png",
        "token": hashlib.sha256(str(number).encode()).hexdigest()[:40],
        "colour": "#c03020",
        **fields,
    }
    output = Output.objects.create(prediction=prediction, file=file or make_stored_file(), **values)
    own = [
        one
        for one in (output.file, output.small, output.medium)
        if one is not None and one.account_id != prediction.account_id
    ]
    if own:
        StoredFile.objects.filter(pk__in=[one.pk for one in own]).update(account=prediction.account_id)
    for one in own:
        one.account_id = prediction.account_id
    quotas.recount(prediction.account_id)
    return output


def make_upload(user: User, content: bytes = b"hello", name: str = "note.txt") -> Upload:
    """A file that a member sent, with its bytes in the storage."""
    sent = uploads.Sent(name, "text/plain", {})
    return uploads.keep(user, account_of(user), sent, [content])


def make_item(user: User, output: Output | None = None, **fields: Any) -> Item:
    """A private item of a succeeded prediction; pass `visibility="public"` for a published one."""
    output = output or make_output(make_prediction(user, status=Status.SUCCEEDED))
    prediction = output.prediction
    values: dict[str, Any] = {
        "prompt": prediction.prompt,
        "width": output.file.width or 1,
        "height": output.file.height or 1,
        **fields,
    }
    if values.get("visibility") == Item.Visibility.PUBLIC:
        values.setdefault("published_at", timezone.now())
    return Item.objects.create(
        output=output, account_id=prediction.account_id, user=user, model=prediction.model, **values
    )


def make_share_link(item: Item, **fields: Any) -> ShareLink:
    """An open link to an item, made by its owner."""
    return ShareLink.objects.create(item=item, created_by=item.user, **fields)
