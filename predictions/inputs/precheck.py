"""Checks of input files before acceptance: forbidden URLs, and images that the engine cannot read.

Forbidden are URLs of private addresses and files of other accounts; host names are resolved only in the worker. Images
are checked only where this installation's engines alone serve the model, and only where their bytes are here (data
URIs, uploads); external ones are checked once fetched.
"""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import Account
from core import data_uri, image_header
from engine import published_models
from predictions.files import media, uploads
from predictions.inputs import user_urls
from predictions.inputs.files import FileReference, InputFiles
from predictions.models import Upload
from predictions.providers.base import Provider
from predictions.submit.validation import Fault


def objections(files: InputFiles, account: Account, providers: Sequence[Provider]) -> list[Fault]:
    """One fault per field with an unusable file: those of URLs first, those of images only where there are none."""
    return address_objections(files, account) or _image_objections(files, account, providers)


def address_objections(files: InputFiles, account: Account) -> list[Fault]:
    """One fault per field with a file of another account or a forbidden URL."""
    texts = {reference.name: _address_objection(reference, account) for reference in files.addresses}
    for reference in files.references:
        # Within lists too: an upload that is not the account's must never be fetched.
        if reference.name not in texts and reference.upload is not None:
            text = _address_objection(reference, account)
            texts |= {reference.name: text} if text else {}
    return [_fault(name, text) for name, text in texts.items() if text]


def _address_objection(reference: FileReference, account: Account) -> str:
    if reference.upload is not None:
        return "" if uploads.usable(account, reference.upload) else "this account has no such file"
    if reference.output is None and not user_urls.looks_reachable(reference.value):
        return "an http(s) address on the public network"
    return ""


def _image_objections(files: InputFiles, account: Account, providers: Sequence[Provider]) -> list[Fault]:
    ref, references = files.version.model.ref, files.by_name()
    images = [references[name] for name in published_models.picture_inputs(ref) if name in references]
    if not images or not _engines_alone(ref, providers):
        return []
    texts = {image.name: _image_objection(image, account) for image in images}
    return [_fault(name, text) for name, text in texts.items() if text]


def _fault(name: str, text: str) -> Fault:
    return Fault("format", f"input.{name}", f"Does not match format 'uri': {text}")


def _engines_alone(ref: str, providers: Sequence[Provider]) -> bool:
    """Whether engines of this installation serve the model, and no upstream does."""
    serving = [provider for provider in providers if provider.serves(ref)]
    return bool(serving) and not any(provider.is_remote for provider in serving)


def _image_objection(reference: FileReference, account: Account) -> str:
    if reference.is_inline:
        return _data_uri_objection(reference.value)
    return _upload_objection(reference.upload, account) if reference.upload is not None else ""


def _data_uri_objection(text: str) -> str:
    try:
        head, size = data_uri.first_bytes(text, image_header.HEADER_BYTES)
    except data_uri.NotADataUri as fault:
        return str(fault)
    return _as_continuation(image_header.objection(head, size))


def _upload_objection(public_id: str, account: Account) -> str:
    row = Upload.objects.visible().filter(account=account, public_id=public_id).select_related("file").first()
    if row is None:
        return ""  # reported already by `address_objections`
    try:
        with media.storage().open(row.file.key, "rb") as file:
            head = file.read(image_header.HEADER_BYTES)
    except OSError:
        return ""  # the storage may be available again when the work begins
    return _as_continuation(image_header.objection(head, row.file.size))


def _as_continuation(sentence: str | None) -> str:
    """The sentence as a continuation after a colon; acronyms such as HEIC keep their capitals."""
    if sentence is None:
        return ""
    plain = sentence.removesuffix(".")
    return plain[:1].lower() + plain[1:] if plain[1:2].islower() else plain
