"""Pictures that a form of the studio names or brings: looked at in a process of their own, kept, and described.

A picture is given to a model as its address on this server: of an upload of the member's, or of an output of theirs.
Somebody else's published picture stands in the form as the address of the picture on its page, and becomes a copy of
the member's own when the form is sent: the output's own address is a key that must not be handed on.
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
from predictions.inputs.file_references import MAX_PICTURE, output_named
from predictions.models import Upload, Version
from predictions.submit.refusals import StorageFull, TooManyWaiting
from studio.form import input_fields, refusal_messages
from studio.form.input_fields import picture_fields

FILE = "file."
"""Before a field's name: the file that a browser without JavaScript sends for it."""
GONE = "gone."
"""Before a field's name: the tick that takes its picture out, without JavaScript."""
MOST_MB = MAX_PICTURE // 1024**2
_ITEM = re.compile(r"/gallery/([A-Za-z0-9_-]{1,40})/picture/full")
_NAME_SHOWN = 60
NOT_ALLOWED: dict[str, Any] = {
    upload_checks.REFUSED: gettext_lazy(
        "This picture was removed from this server and cannot be used again."
    ),
    upload_checks.TOO_SENSITIVE: gettext_lazy(
        "This picture was too sensitive for this server and was not taken."
    ),
    upload_checks.NOT_SEEN: gettext_lazy(
        "This picture cannot be checked within the limits of this server and was not taken."
    ),
    upload_checks.NOT_JUDGED: gettext_lazy(
        "This picture could not be checked just now. Try again in a moment."
    ),
}
"""Why the house does not take a picture, as the API tells it, in the words of the pages."""


@dataclass(frozen=True)
class Picture:
    """A picture as the page shows it. Sizes are in bytes and pixels, None where they are not known."""

    url: str
    """What the model is given."""
    name: str
    size: int | None = None
    width: int | None = None
    height: int | None = None
    content_type: str = ""
    view: str = ""
    """Path of the whole picture for its reader; empty where it lies on somebody else's server."""
    thumb: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the page's script."""
        return {
            "url": self.url, "name": self.name, "size": self.size, "width": self.width, "height": self.height,
            "content_type": self.content_type, "view": self.view, "thumb": self.thumb,
        }  # fmt: skip


class NotTaken(Exception):
    """A file that is not taken: a sentence for people, and the status of the answer."""

    def __init__(self, sentence: str, status: int = 422) -> None:
        self.status = status
        super().__init__(sentence)


def keep(request: HttpRequest, file: UploadedFile) -> Picture:
    """Keep a picture that was sent, as an upload of the member's. Raises NotTaken."""
    name = safe_name(file.name or "")
    if (file.size or 0) > MAX_PICTURE:
        raise _too_large(name)
    with image_conversion.folder() as folder:
        path = Path(folder) / "picture"
        with path.open("wb") as out:
            for chunk in file.chunks(media.CHUNK):
                out.write(chunk)
        look = _looked_at(path, name)
    return _kept(request, name, look, file.chunks(media.CHUNK))


def _looked_at(path: Path, name: str) -> image_conversion.Checked:
    """What the file is, decoded whole in a child process. Raises NotTaken."""
    try:
        return image_conversion.check([path])[0]
    except image_conversion.TooBusy:
        raise NotTaken(_("Too many pictures are being looked at. Try again in a moment."), 503) from None
    except image_conversion.Unusable as fault:
        if "pixels" in str(fault):
            sentence = _("%(name)s has more than 40 million pixels. Use a smaller picture.")
        else:
            sentence = _("%(name)s is not a picture. Use PNG, JPEG or WebP up to %(most)s MB.")
        raise NotTaken(sentence % {"name": shown_name(name), "most": MOST_MB}) from None


def _kept(
    request: HttpRequest, name: str, look: image_conversion.Checked, chunks: Iterable[bytes]
) -> Picture:
    file = uploads.Sent(name, look.content_type, {"width": look.width, "height": look.height})
    try:
        upload = uploads.keep(member_pages.user_of(request), member_pages.account_of(request), file, chunks)
    except uploads.TooLarge:
        raise _too_large(name) from None
    except media.DiskFull:
        words = _("The server has too little free space for new pictures. Nothing was charged.")
        raise NotTaken(words, 503) from None
    except StorageFull as full:
        raise NotTaken(refusal_messages.storage_full(full), full.status) from None
    except TooManyWaiting as waiting:
        raise NotTaken(refusal_messages.too_many_waiting(waiting), waiting.status) from None
    except feature_flags.FeatureOff as off:
        raise NotTaken(str(off.detail), off.status_code) from None
    except uploads.NotTaken as refused:
        raise NotTaken(str(NOT_ALLOWED.get(str(refused), refused))) from None
    return _of_upload(request, upload)


def _too_large(name: str) -> NotTaken:
    words = _("%(name)s is larger than %(most)s MB. Use a smaller picture.")
    return NotTaken(words % {"name": shown_name(name), "most": MOST_MB}, 413)


def safe_name(name: str) -> str:
    """A file's name without what cannot be seen or turns the text around it, and short enough to be kept."""
    plain = "".join(sign for sign in name if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    short = plain.replace("\\", "/").rsplit("/", 1)[-1].strip().encode()[: uploads.MAX_NAME]
    return short.decode(errors="ignore") or "picture"


def shown_name(name: str) -> str:
    """A file's name in a sentence."""
    return name if len(name) <= _NAME_SHOWN else f"{name[: _NAME_SHOWN - 11]}…{name[-10:]}"


def take_files(request: HttpRequest, version: Version) -> tuple[dict[str, str], dict[str, str]]:
    """What of a form's picture fields differs from what stands in them: field -> address, and field -> sentence.

    Files that a browser without JavaScript sent are kept; pictures taken out become empty; somebody else's published
    picture becomes a copy of the member's own.
    """
    taken: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name in picture_fields(version):
        file = request.FILES.get(FILE + name)
        value = request.POST.get(name, "")
        try:
            if isinstance(file, UploadedFile):
                taken[name] = keep(request, file).url
            elif GONE + name in request.POST:
                taken[name] = ""
            elif _item_named(request, value):
                taken[name] = _copied(request, _item_named(request, value))
        except NotTaken as refused:
            wrong[name] = str(refused)
    return taken, wrong


def settled(request: HttpRequest, version: Version) -> tuple[QueryDict, dict[str, str]]:
    """The form that was sent with its pictures as addresses, and a sentence for each picture that was not taken."""
    taken, wrong = take_files(request, version)
    if not taken:
        return input_fields.inputs_of(request.POST), wrong
    form = input_fields.inputs_of(request.POST)
    for name, url in taken.items():
        form[name] = url
    return form, wrong


def of_item(request: HttpRequest, public_id: str) -> Picture:
    """A picture from the library, or one that everybody may see. Raises Http404 otherwise, and for films."""
    item = access.visible(request.user, public_id)
    if item.is_film or item.in_trash:
        raise Http404
    return picture_of(request, item)


def picture_of(request: HttpRequest, item: Item) -> Picture:
    """An item (with its files) as an input: by its output's address for its owner, by its page's for others."""
    view = tiles.picture_url(item, "full")
    own = item.account_id == member_pages.account_of(request).pk
    path = media.output_path(item.output.token, item.output.name) if own else view
    file = item.output.file
    return Picture(
        url=pages.base_url(request) + path,
        name=shown_name((item.title or item.prompt or item.output.name).strip()),
        size=file.size,
        width=item.width,
        height=item.height,
        content_type=file.content_type,
        view=view,
        thumb=tiles.picture_url(item, "small"),
    )


def describe(request: HttpRequest, url: str) -> Picture | None:
    """What an address in a form names; None where it is gone, is not the member's, or is no address at all."""
    origin = pages.base_url(request)
    public_id = uploads.named_by(url, (origin,))
    if public_id is not None:
        upload = own_upload(request, public_id)
        return _of_upload(request, upload) if upload is not None else None
    output = output_named(url, origin)
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
    return _elsewhere(url)


def own_upload(request: HttpRequest, public_id: str) -> Upload | None:
    """An upload of the member's that is still there."""
    rows = Upload.objects.visible().filter(account=member_pages.account_of(request), public_id=public_id)
    return rows.select_related("file").first()


def _of_upload(request: HttpRequest, upload: Upload) -> Picture:
    noted = upload.metadata
    width, height = (
        noted.get(side) if isinstance(noted.get(side), int) else None for side in ("width", "height")
    )
    shown = upload.content_type in EXTENSIONS
    view = reverse("studio_file", args=[upload.public_id]) if shown else ""
    return Picture(
        url=f"{pages.base_url(request)}/v1/files/{upload.public_id}",
        name=shown_name(safe_name(upload.name)),
        size=upload.file.size,
        width=width,
        height=height,
        content_type=upload.content_type,
        view=view,
        thumb=view,
    )


def _elsewhere(url: str) -> Picture | None:
    """A file on somebody else's server: only its name is shown, its server is not asked from here."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    tail = safe_name(unquote(parts.path).rstrip("/").rsplit("/", 1)[-1])
    return Picture(url=url, name=shown_name(f"{parts.hostname} / {tail}"))


def _item_named(request: HttpRequest, url: str) -> str:
    """The public id of the item whose picture's address this is; empty for any other address."""
    origin = pages.base_url(request)
    match = _ITEM.fullmatch(url.removeprefix(origin)) if url.startswith(origin) else None
    return match.group(1) if match else ""


def _copied(request: HttpRequest, public_id: str) -> str:
    """The address of a picture for a model: a member's own as it is, another's as a copy. Raises NotTaken."""
    try:
        item = access.visible(request.user, public_id)
    except Http404:
        raise NotTaken(_("That picture is no longer there.")) from None
    if item.is_film or item.in_trash:
        raise NotTaken(_("That picture is no longer there."))
    if item.account_id == member_pages.account_of(request).pk:
        return picture_of(request, item).url
    # As everybody gets it: the file itself tells where it was made, or words that its maker keeps back.
    body = file_response.body_of(item, words=item.show_prompt)
    name = item.output.name
    if body.size > MAX_PICTURE:
        raise _too_large(name)
    look = image_conversion.Checked(body.content_type, item.width, item.height, clear=False)
    with contextlib.closing(body.read(0, body.size)) as chunks:
        return _kept(request, name, look, chunks).url
