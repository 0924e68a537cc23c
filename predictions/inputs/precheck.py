"""A look at the pictures of an input before anything is held: what the engine could only refuse is refused at once.

Only where the engine alone would work on it, and only files whose bytes are here: data URIs and uploads. What stands
at an address elsewhere is judged when it has been fetched.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from accounts.models import Account
from core import data_uri, image_header
from engine import published_models
from predictions.dispatch import provider_lookup
from predictions.files import media, uploads
from predictions.models import Upload, Version
from predictions.providers.embedded import EmbeddedEngine
from predictions.submit.validation import Fault


def objections(version: Version, given: dict[str, Any], origin: str, account: Account) -> list[Fault]:
    """One fault for each picture that the engine could not read, naming its field."""
    pictures = published_models.picture_inputs(version.model.ref)
    fields = [name for name in pictures if isinstance(given.get(name), str)]
    if not fields or not _engine_alone(version.model.ref):
        return []
    found = {name: _objection(given[name], origin, account) for name in fields}
    return [
        Fault("format", f"input.{name}", f"Does not match format 'uri': {text}")
        for name, text in found.items()
        if text
    ]


def _engine_alone(ref: str) -> bool:
    serving = [one for one in provider_lookup.all_providers() if one.serves(ref)]
    return bool(serving) and all(isinstance(one, EmbeddedEngine) for one in serving)


def _objection(value: str, origin: str, account: Account) -> str:
    if value[:5].lower() == "data:":
        return _of_data_uri(value)
    public_id = uploads.named_by(value, (origin, str(settings.PUBLIC_URL)))
    return _of_upload(public_id, account) if public_id is not None else ""


def _of_data_uri(text: str) -> str:
    try:
        head, size = data_uri.beginning(text, image_header.LOOKED_AT)
    except data_uri.NotADataUri as fault:
        return str(fault)
    return _as_a_part(image_header.objection(head, size))


def _of_upload(public_id: str, account: Account) -> str:
    row = Upload.objects.visible().filter(account=account, public_id=public_id).select_related("file").first()
    if row is None:
        return ""  # said already, in better words
    try:
        with media.storage().open(row.file.key, "rb") as file:
            head = file.read(image_header.LOOKED_AT)
    except OSError:
        return ""  # a storage that does not answer now may do so when the work begins
    return _as_a_part(image_header.objection(head, row.file.size))


def _as_a_part(sentence: str | None) -> str:
    """The sentence as it goes on after a colon; names such as HEIC keep their capitals."""
    if sentence is None:
        return ""
    plain = sentence.removesuffix(".")
    return plain[:1].lower() + plain[1:] if plain[1:2].islower() else plain
