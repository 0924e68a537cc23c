"""The pictures of a request, looked at before anything is accepted, and kept as the caller's uploads.

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
from predictions.api_dialects.openai.edit_body import EditBody, Picture, too_large
from predictions.files import image_conversion, media, uploads
from predictions.files.image_formats import EXTENSIONS
from predictions.inputs.file_references import MAX_PICTURE
from predictions.models import Upload
from predictions.submit.refusals import ServerFull

STAND_IN = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAA"
    "AAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
)
"""In place of a picture that is not kept yet, for checking everything else: one white pixel."""


@dataclass(frozen=True)
class Ready:
    """A picture that can be handed to a model: a file of ours to be kept, or an address as it was given."""

    name: str
    """Of the model's input."""
    content_type: str = ""
    path: Path | None = None
    url: str = ""


@contextlib.contextmanager
def prepared(request: TokenRequest, body: EditBody, *, with_mask: bool) -> Iterator[list[Ready]]:
    """`image`, and `mask` where there is one or where `with_mask` demands it. Raises ImageError.

    Every file was decoded whole. The files lie in a folder that is gone when this is left.
    """
    with image_conversion.folder() as name:
        folder = Path(name)
        yield _look(request, body, folder, with_mask)


def _look(request: TokenRequest, body: EditBody, folder: Path, with_mask: bool) -> list[Ready]:
    picture, mask = body.pictures[0], body.mask
    image_path, mask_path = _written(request, picture, folder / "image"), None
    if mask is not None:
        mask_path = _written(request, mask, folder / "mask")
        if mask_path is None:
            raise invalid(
                "mask must be sent as a file, a data URI or a file_id, so that it can be converted.", "mask"
            )
    fields = [(one.field, path) for one, path in ((picture, image_path), (mask, mask_path)) if one and path]
    looks = _checked(fields)
    image = looks[0] if image_path is not None else None
    ready = [_as_input(request, picture, image, image_path)]
    if mask_path is not None:
        if image is not None and (looks[-1].width, looks[-1].height) != (image.width, image.height):
            raise invalid("mask must have the same width and height as image.", "mask")
        ready.append(_converted("mask", mask_path, folder / "white"))
    elif with_mask:
        if image is None or image_path is None or not image.clear:
            raise invalid(
                "mask is missing: send one that is transparent where something new is wanted, or an image that is.",
                "mask",
            )
        ready.append(_converted("image", image_path, folder / "white"))
    return ready


def _as_input(
    request: TokenRequest, picture: Picture, look: image_conversion.Checked | None, path: Path | None
) -> Ready:
    if look is None or path is None:
        return Ready("image", url=picture.url)
    if picture.upload:
        return Ready("image", url=_address(request, picture.upload))
    return Ready("image", look.content_type, path)


def _address(request: TokenRequest, public_id: str) -> str:
    return f"{origin_of(request)}/v1/files/{public_id}"


def _written(request: TokenRequest, picture: Picture, path: Path) -> Path | None:
    """The picture's bytes at `path`; None for one at an address, which is fetched when its turn has come."""
    if picture.url:
        return None
    chunks = picture.chunks()
    if picture.upload:
        upload = _upload(request.api_token.account, picture)
        if upload.file.size > MAX_PICTURE:
            raise too_large(picture.field)
        with media.opened(upload.file) as file:
            path.write_bytes(file.read())
        return path
    with path.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
    return path


def _upload(account: Account, picture: Picture) -> Upload:
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


def _converted(field: str, path: Path, to: Path) -> Ready:
    try:
        image_conversion.mask(path, to)
    except image_conversion.Unusable as fault:
        raise _unusable(field, fault) from None
    except image_conversion.TooBusy:
        raise ServerFull("Too many pictures are being looked at. Nothing was charged; try again.") from None
    return Ready("mask", "image/png", to)


def _unusable(field: str, fault: image_conversion.Unusable) -> ImageError:
    return invalid(f"{field} {fault}", "image" if field.startswith("image[") else field)


def keep(request: TokenRequest, ready: list[Ready]) -> tuple[dict[str, str], list[Upload]]:
    """The inputs that name the pictures, and the uploads made for them.

    Raises refusals.ServerFull, refusals.StorageFull, ImageError, or what the storage raises, keeping nothing.
    """
    token, inputs, made = request.api_token, {}, []
    try:
        for one in ready:
            if one.path is None:
                inputs[one.name] = one.url
                continue
            sent = uploads.Sent(f"{one.name}.{EXTENSIONS[one.content_type]}", one.content_type, {})
            with one.path.open("rb") as file:
                chunks = iter(lambda: file.read(media.CHUNK), b"")
                made.append(uploads.keep(token.user, token.account, sent, chunks))
            inputs[one.name] = _address(request, made[-1].public_id)
    except BaseException as error:
        forget(made)
        if isinstance(error, media.DiskFull):
            raise ServerFull from None
        if isinstance(error, uploads.NotTaken):
            refusal = generation_failed(str(error), "moderation_blocked")
            refusal.param = one.name
            raise refusal from None
        raise
    return inputs, made


def forget(made: list[Upload]) -> None:
    """Remove what was kept for a request that was refused after all."""
    for upload in made:
        uploads.delete(upload)
