"""Input pictures of the studio's form: checked in a child process, stored as uploads, described for the page.

A model gets a picture as its URL on this server: of the member's upload, or of their own output. Somebody
else's public picture is in the form by the URL of its page's picture, and is copied to an upload of the member
when the form is sent: the output's own URL is a secret that must not be passed on.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.auth import member_pages
from accounts.site import feature_flags
from core.http import pages
from gallery.items import access, tiles
from gallery.models import Item
from gallery.provenance import file_response
from predictions.files import image_conversion, media, uploads
from predictions.files.image_formats import EXTENSIONS
from predictions.image_safety import upload_checks
from predictions.inputs import files
from predictions.inputs.fetch import MAX_FILE
from predictions.models import Upload, Version
from predictions.submit.refusals import StorageFull, TooManyWaiting
from studio.form import input_fields, refusal_messages
from studio.form.input_fields import picture_fields

FILE_PREFIX = "file."
"""Prefix of a field's name: the file that a browser without JavaScript sends for it."""
REMOVE_PREFIX = "gone."
"""Prefix of a field's name: the checkbox that removes its picture, without JavaScript."""
MAX_MB = MAX_FILE // 1024**2
_ITEM = re.compile(r"/gallery/([A-Za-z0-9_-]{1,40})/picture/full")
_NAME_SHOWN = 60
REFUSAL_MESSAGES: dict[str, Any] = {
    upload_checks.REFUSED: gettext_lazy(
        "This picture was removed from this server and cannot be used again."
    ),
    upload_checks.TOO_SENSITIVE: gettext_lazy(
        "This picture was too sensitive for this server and was not taken."
    ),
    upload_checks.NOT_SEEN: gettext_lazy(
        "This picture cannot be checked within the limits of this server and was not taken."
    ),
    upload_checks.NOT_CHECKED: gettext_lazy(
        "This picture could not be checked just now. Try again in a moment."
    ),
}
"""Messages for users, by the API's message on why a picture is not accepted."""


@dataclass(frozen=True)
class Picture:
    """A picture on the page. Sizes are in bytes and pixels, None where unknown."""

    url: str
    """The URL that the model gets."""
    name: str
    size: int | None = None
    width: int | None = None
    height: int | None = None
    content_type: str = ""
    view: str = ""
    """Path of the whole picture for this reader; empty where it is on another server."""
    thumb: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the page's script."""
        return {
            "url": self.url, "name": self.name, "size": self.size, "width": self.width, "height": self.height,
            "content_type": self.content_type, "view": self.view, "thumb": self.thumb,
        }  # fmt: skip


class PictureRefused(Exception):
    """A file is not accepted: a message for the user, and the status of the response."""

    def __init__(self, sentence: str, status: int = 422) -> None:
        self.status = status
        super().__init__(sentence)


def store_upload(request: HttpRequest, file: UploadedFile) -> Picture:
    """Store a posted picture as an upload of the member. Raises PictureRefused."""
    name = safe_name(file.name or "")
    if (file.size or 0) > MAX_FILE:
        raise _too_large(name)
    with image_conversion.work_folder() as folder:
        path = Path(folder) / "picture"
        with path.open("wb") as out:
            for chunk in file.chunks(media.CHUNK):
                out.write(chunk)
        checked = _checked(path, name)
    return _stored(request, name, checked, file.chunks(media.CHUNK))


def _checked(path: Path, name: str) -> image_conversion.Checked:
    """Check the file by decoding it whole in a child process. Raises PictureRefused."""
    try:
        return image_conversion.check([path])[0]
    except image_conversion.TooBusy:
        raise PictureRefused(
            _("Too many pictures are being looked at. Try again in a moment."), 503
        ) from None
    except image_conversion.Unusable as fault:
        if "pixels" in str(fault):
            sentence = _("%(name)s has more than 40 million pixels. Use a smaller picture.")
        else:
            sentence = _("%(name)s is not a picture. Use PNG, JPEG or WebP up to %(most)s MB.")
        raise PictureRefused(sentence % {"name": display_name(name), "most": MAX_MB}) from None


def _stored(
    request: HttpRequest, name: str, checked: image_conversion.Checked, chunks: Iterable[bytes]
) -> Picture:
    file = uploads.Sent(name, checked.content_type, {"width": checked.width, "height": checked.height})
    try:
        upload = uploads.keep(member_pages.user_of(request), member_pages.account_of(request), file, chunks)
    except uploads.TooLarge:
        raise _too_large(name) from None
    except media.DiskFull:
        message = _("The server has too little free space for new pictures. Nothing was charged.")
        raise PictureRefused(message, 503) from None
    except StorageFull as full:
        raise PictureRefused(refusal_messages.storage_full(full), full.status) from None
    except TooManyWaiting as waiting:
        raise PictureRefused(refusal_messages.too_many_waiting(waiting), waiting.status) from None
    except feature_flags.FeatureOff as off:
        raise PictureRefused(str(off.detail), off.status_code) from None
    except upload_checks.NotTaken as refused:
        raise PictureRefused(str(REFUSAL_MESSAGES.get(str(refused), refused))) from None
    return _of_upload(request, upload)


def _too_large(name: str) -> PictureRefused:
    message = _("%(name)s is larger than %(most)s MB. Use a smaller picture.")
    return PictureRefused(message % {"name": display_name(name), "most": MAX_MB}, 413)


def safe_name(name: str) -> str:
    """A file name without invisible and bidirectional characters, cut to the length that can be stored."""
    plain = "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    short = plain.replace("\\", "/").rsplit("/", 1)[-1].strip().encode()[: uploads.MAX_NAME]
    return short.decode(errors="ignore") or "picture"


def display_name(name: str) -> str:
    """A file name cut for use in a message."""
    return name if len(name) <= _NAME_SHOWN else f"{name[: _NAME_SHOWN - 11]}…{name[-10:]}"


def picture_changes(request: HttpRequest, version: Version) -> tuple[dict[str, str], dict[str, str]]:
    """Changes to a form's picture fields: field -> URL, and field -> error message.

    Files sent without JavaScript are stored; removed pictures become empty; somebody else's public picture
    becomes a copy of the member's own.
    """
    urls: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name in picture_fields(version):
        file = request.FILES.get(FILE_PREFIX + name)
        value = request.POST.get(name, "")
        try:
            if isinstance(file, UploadedFile):
                urls[name] = store_upload(request, file).url
            elif REMOVE_PREFIX + name in request.POST:
                urls[name] = ""
            elif _item_named(request, value):
                urls[name] = _usable_url(request, _item_named(request, value))
        except PictureRefused as refused:
            errors[name] = str(refused)
    return urls, errors


def posted_form(request: HttpRequest, version: Version) -> tuple[QueryDict, dict[str, str]]:
    """The posted form with its pictures as URLs, and an error message for each that was not accepted."""
    urls, errors = picture_changes(request, version)
    if not urls:
        return input_fields.inputs_of(request.POST), errors
    form = input_fields.inputs_of(request.POST)
    for name, url in urls.items():
        form[name] = url
    return form, errors


def of_item(request: HttpRequest, public_id: str) -> Picture:
    """An item of the library, or one that everybody may see. Raises Http404 for others, and for videos."""
    item = access.visible(request.user, public_id)
    if item.is_film or item.in_trash:
        raise Http404
    return picture_of(request, item)


def picture_of(request: HttpRequest, item: Item) -> Picture:
    """An item (with its files) as an input: for its owner by its output's URL, for others by its page's."""
    view = tiles.picture_url(item, "full")
    own = item.account_id == member_pages.account_of(request).pk
    path = media.output_path(item.output.token, item.output.name) if own else view
    file = item.output.file
    return Picture(
        url=pages.base_url(request) + path,
        name=display_name((item.title or item.prompt or item.output.name).strip()),
        size=file.size,
        width=item.width,
        height=item.height,
        content_type=file.content_type,
        view=view,
        thumb=tiles.picture_url(item, "small"),
    )


def describe(request: HttpRequest, url: str) -> Picture | None:
    """What a URL in a form names; None where it is gone, isn't the member's, or isn't a URL."""
    origin = pages.base_url(request)
    public_id = files.upload_named(url, (origin,))
    if public_id is not None:
        upload = own_upload(request, public_id)
        return _of_upload(request, upload) if upload is not None else None
    output = files.output_named(url, files.own_origins(origin))
    if output is not None:
        items = access.with_files(Item.objects.filter(output__token=output[0], output__name=output[1]))
        item = items.filter(account=member_pages.account_of(request), trashed_at__isnull=True).first()
        return picture_of(request, item) if item is not None else None
    item_id = _item_named(request, url)
    if item_id:
        try:
            return of_item(request, item_id)
        except Http404:
            return None
    return _external(url)


def own_upload(request: HttpRequest, public_id: str) -> Upload | None:
    """An upload of the member's account, if it still exists."""
    rows = Upload.objects.visible().filter(account=member_pages.account_of(request), public_id=public_id)
    return rows.select_related("file").first()


def _of_upload(request: HttpRequest, upload: Upload) -> Picture:
    metadata = upload.metadata
    width, height = (
        metadata.get(side) if isinstance(metadata.get(side), int) else None for side in ("width", "height")
    )
    is_viewable = upload.content_type in EXTENSIONS
    view = reverse("studio_file", args=[upload.public_id]) if is_viewable else ""
    return Picture(
        url=f"{pages.base_url(request)}/v1/files/{upload.public_id}",
        name=display_name(safe_name(upload.name)),
        size=upload.file.size,
        width=width,
        height=height,
        content_type=upload.content_type,
        view=view,
        thumb=view,
    )


def _external(url: str) -> Picture | None:
    """A file on another server: only its name is shown, and that server is not contacted."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    tail = safe_name(unquote(parts.path).rstrip("/").rsplit("/", 1)[-1])
    return Picture(url=url, name=display_name(f"{parts.hostname} / {tail}"))


def _item_named(request: HttpRequest, url: str) -> str:
    """The public id of the item whose picture's URL this is; "" for any other URL."""
    origin = pages.base_url(request)
    match = _ITEM.fullmatch(url.removeprefix(origin)) if url.startswith(origin) else None
    return match.group(1) if match else ""


def _usable_url(request: HttpRequest, public_id: str) -> str:
    """The URL of an item's picture for a model: a member's own as it is, another's as a copy. Raises PictureRefused."""
    try:
        item = access.visible(request.user, public_id)
    except Http404:
        raise PictureRefused(_("That picture is no longer there.")) from None
    if item.is_film or item.in_trash:
        raise PictureRefused(_("That picture is no longer there."))
    if item.account_id == member_pages.account_of(request).pk:
        return picture_of(request, item).url
    # As everybody gets it: the original may carry metadata of its origin, or a hidden prompt.
    body = file_response.body_of(item, show_prompt=item.show_prompt)
    name = item.output.name
    if body.size > MAX_FILE:
        raise _too_large(name)
    checked = image_conversion.Checked(body.content_type, item.width, item.height, clear=False)
    with contextlib.closing(body.read(0, body.size)) as chunks:
        return _stored(request, name, checked, chunks).url
