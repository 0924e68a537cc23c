"""Input images of an edit: decoded before anything is accepted, and kept as uploads of the caller.

OpenAI's mask is transparent where something new is wanted; the models here take one that is white there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accounts.models import Account
from core.http.public_origin import origin_of
from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.image_errors import ImageError, generation_failed, invalid
from predictions.api_dialects.openai.edit_body import EditBody, SentImage, too_large
from predictions.files import image_conversion, media, uploads
from predictions.files.image_formats import EXTENSIONS
from predictions.image_safety import upload_checks
from predictions.inputs.fetch import MAX_FILE
from predictions.models import Upload
from predictions.submit.refusals import ServerFull

PLACEHOLDER = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAA"
    "AAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
)
"""One white pixel, in place of an image that is not stored yet, so that everything else can be checked."""


@dataclass(frozen=True)
class InputImage:
    """An image that can be given to a model: a local file to be stored, or a URL."""

    name: str
    """Name of the model's input."""
    content_type: str = ""
    path: Path | None = None
    url: str = ""


@contextlib.contextmanager
def prepared_images(request: TokenRequest, body: EditBody, *, with_mask: bool) -> Iterator[list[InputImage]]:
    """`image`, and `mask` where one was sent or `with_mask` requires it. Raises ImageError.

    Every file has been decoded completely. The files are in a folder that is removed on leaving.
    """
    with image_conversion.work_folder() as name:
        folder = Path(name)
        yield _prepare(request, body, folder, with_mask)


def _prepare(request: TokenRequest, body: EditBody, folder: Path, with_mask: bool) -> list[InputImage]:
    picture, mask = body.pictures[0], body.mask
    image_path, mask_path = _written(request, picture, folder / "image"), None
    if mask is not None:
        mask_path = _written(request, mask, folder / "mask")
        if mask_path is None:
            raise invalid(
                "mask must be sent as a file, a data URI or a file_id, so that it can be converted.", "mask"
            )
    fields = [
        (picture_.field, path)
        for picture_, path in ((picture, image_path), (mask, mask_path))
        if picture_ and path
    ]
    checked = _checked(fields)
    checked_image = checked[0] if image_path is not None else None
    ready = [_as_input(request, picture, checked_image, image_path)]
    if mask_path is not None:
        if checked_image is not None and (checked[-1].width, checked[-1].height) != (
            checked_image.width,
            checked_image.height,
        ):
            raise invalid("mask must have the same width and height as image.", "mask")
        ready.append(_converted("mask", mask_path, folder / "white"))
    elif with_mask:
        if checked_image is None or image_path is None or not checked_image.clear:
            raise invalid(
                "mask is missing: send one that is transparent where something new is wanted, or an image that is.",
                "mask",
            )
        ready.append(_converted("image", image_path, folder / "white"))
    return ready


def _as_input(
    request: TokenRequest, picture: SentImage, checked: image_conversion.Checked | None, path: Path | None
) -> InputImage:
    if checked is None or path is None:
        return InputImage("image", url=picture.url)
    if picture.upload:
        return InputImage("image", url=_address(request, picture.upload))
    return InputImage("image", checked.content_type, path)


def _address(request: TokenRequest, public_id: str) -> str:
    return f"{origin_of(request)}/v1/files/{public_id}"


def _written(request: TokenRequest, picture: SentImage, path: Path) -> Path | None:
    """Write the image's bytes to `path`; None for one at a URL, which is fetched when the prediction starts."""
    if picture.url:
        return None
    chunks = picture.chunks()
    if picture.upload:
        upload = _upload(request.api_token.account, picture)
        if upload.file.size > MAX_FILE:
            raise too_large(picture.field)
        with media.open_file(upload.file) as file:
            path.write_bytes(file.read())
        return path
    with path.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
    return path


def _upload(account: Account, picture: SentImage) -> Upload:
    rows = Upload.objects.visible().filter(account=account, public_id=picture.upload)
    upload = rows.select_related("file").first()
    if upload is None:
        raise invalid(f"{picture.field} names no file of this account.", picture.field)
    return upload


def _checked(fields: list[tuple[str, Path]]) -> list[image_conversion.Checked]:
    if not fields:
        return []
    try:
        return image_conversion.check([path for _field, path in fields])
    except image_conversion.Unusable as fault:
        raise _unusable(fields[fault.index][0], fault) from None
    except image_conversion.TooBusy:
        raise ServerFull("Too many pictures are being looked at. Nothing was charged; try again.") from None


def _converted(field: str, path: Path, to: Path) -> InputImage:
    try:
        image_conversion.mask(path, to)
    except image_conversion.Unusable as fault:
        raise _unusable(field, fault) from None
    except image_conversion.TooBusy:
        raise ServerFull("Too many pictures are being looked at. Nothing was charged; try again.") from None
    return InputImage("mask", "image/png", to)


def _unusable(field: str, fault: image_conversion.Unusable) -> ImageError:
    return invalid(f"{field} {fault}", "image" if field.startswith("image[") else field)


def keep(request: TokenRequest, ready: list[InputImage]) -> tuple[dict[str, str], list[Upload]]:
    """Store the images as uploads: inputs that name them, and the uploads.

    On refusals.ServerFull, refusals.StorageFull, ImageError, or an error of the storage, nothing is kept.
    """
    token, inputs, kept = request.api_token, {}, []
    try:
        for image in ready:
            if image.path is None:
                inputs[image.name] = image.url
                continue
            file_meta = uploads.Sent(f"{image.name}.{EXTENSIONS[image.content_type]}", image.content_type, {})
            with image.path.open("rb") as file:
                chunks = iter(lambda: file.read(media.CHUNK), b"")
                kept.append(uploads.keep(token.user, token.account, file_meta, chunks))
            inputs[image.name] = _address(request, kept[-1].public_id)
    except BaseException as error:
        forget(kept)
        if isinstance(error, media.DiskFull):
            raise ServerFull from None
        if isinstance(error, upload_checks.NotTaken):
            refusal = generation_failed(str(error), "moderation_blocked")
            refusal.param = image.name
            raise refusal from None
        raise
    return inputs, kept


def forget(made: list[Upload]) -> None:
    """Delete the uploads of a request that was refused after all."""
    for upload in made:
        uploads.delete(upload)
