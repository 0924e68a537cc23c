"""Checks of input files before acceptance: forbidden URLs, and images that the engine cannot read.

Forbidden are URLs of private addresses and files of other accounts; host names are resolved only in the worker. Images
are checked only where the engine is the sole provider, and only where their bytes are here (data URIs, uploads);
external ones are checked once fetched.
"""

from __future__ import annotations

from accounts.models import Account
from core import data_uri, image_header
from engine import published_models
from predictions.dispatch import provider_lookup
from predictions.files import media, uploads
from predictions.inputs import user_urls
from predictions.inputs.files import FileReference, InputFiles
from predictions.models import Upload
from predictions.providers.embedded import EmbeddedEngine
from predictions.submit.validation import Fault


def objections(files: InputFiles, account: Account) -> list[Fault]:
    """One fault per field with an unusable file: those of URLs first, those of images only where there are none."""
    return address_objections(files, account) or _picture_objections(files, account)


def address_objections(files: InputFiles, account: Account) -> list[Fault]:
    """One fault per field with a file of another account or a forbidden URL."""
    found = {one.name: _address_objection(one, account) for one in files.addresses}
    for one in files.references:
        # Within lists too: an upload that is not the account's must never be fetched.
        if one.name not in found and one.upload is not None:
            text = _address_objection(one, account)
            found |= {one.name: text} if text else {}
    return [_fault(name, text) for name, text in found.items() if text]


def _address_objection(one: FileReference, account: Account) -> str:
    if one.upload is not None:
        return "" if uploads.usable(account, one.upload) else "this account has no such file"
    if one.output is None and not user_urls.looks_reachable(one.value):
        return "an http(s) address on the public network"
    return ""


def _picture_objections(files: InputFiles, account: Account) -> list[Fault]:
    ref, named = files.version.model.ref, files.by_name()
    pictures = [named[name] for name in published_models.picture_inputs(ref) if name in named]
    if not pictures or not _engine_alone(ref):
        return []
    found = {one.name: _picture_objection(one, account) for one in pictures}
    return [_fault(name, text) for name, text in found.items() if text]


def _fault(name: str, text: str) -> Fault:
    return Fault("format", f"input.{name}", f"Does not match format 'uri': {text}")


def _engine_alone(ref: str) -> bool:
    serving = [one for one in provider_lookup.all_providers() if one.serves(ref)]
    return bool(serving) and all(isinstance(one, EmbeddedEngine) for one in serving)


def _picture_objection(one: FileReference, account: Account) -> str:
    if one.is_inline:
        return _of_data_uri(one.value)
    return _of_upload(one.upload, account) if one.upload is not None else ""


def _of_data_uri(text: str) -> str:
    try:
        head, size = data_uri.first_bytes(text, image_header.HEADER_BYTES)
    except data_uri.NotADataUri as fault:
        return str(fault)
    return _as_a_part(image_header.objection(head, size))


def _of_upload(public_id: str, account: Account) -> str:
    row = Upload.objects.visible().filter(account=account, public_id=public_id).select_related("file").first()
    if row is None:
        return ""  # reported already by `address_objections`
    try:
        with media.storage().open(row.file.key, "rb") as file:
            head = file.read(image_header.HEADER_BYTES)
    except OSError:
        return ""  # the storage may be available again when the work begins
    return _as_a_part(image_header.objection(head, row.file.size))


def _as_a_part(sentence: str | None) -> str:
    """The sentence as a continuation after a colon; acronyms such as HEIC keep their capitals."""
    if sentence is None:
        return ""
    plain = sentence.removesuffix(".")
    return plain[:1].lower() + plain[1:] if plain[1:2].islower() else plain
