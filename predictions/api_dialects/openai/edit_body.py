"""Bodies of image edits and variations: multipart forms as sent by the official clients, or JSON with URLs.

Sizes are checked first, then the fields, by hand, so that every fault names its field. No image is decoded here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.core.files.base import ContentFile, File
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from core import data_uri
from core.http.json_body import is_unicode
from predictions.api_dialects.common.image_errors import ImageError, invalid
from predictions.api_dialects.common.payloads import parse_json, type_name
from predictions.api_dialects.openai import request_body
from predictions.inputs.fetch import MAX_FILE
from predictions.submit.validation import MAX_DATA_URI, sayable

MAX_IMAGES = 16
"""Images of one request, as many as OpenAI accepts; the models here may take fewer."""
_IMAGE = re.compile(r"image(\[\d{0,3}\])?")
_FIELDS = request_body.SHARED | {"image", "images", "mask", "prompt", "input_fidelity", "markup"}
_VARIATION = {"image", "model", "n", "response_format", "size", "user"}
_NUMBERS = {"n", "output_compression", "partial_images"}
_FILE_ID = re.compile(r"[a-z0-9]{26}")


@dataclass(frozen=True)
class SentImage:
    """One image as it was sent: its bytes, or where they are. `field` names it in errors."""

    field: str
    file: File | None = None
    url: str = ""
    upload: str = ""
    """Public id of a file that the caller uploaded before."""

    def chunks(self) -> Iterator[bytes]:
        """Its bytes from the beginning."""
        if self.file is not None:
            self.file.seek(0)
            yield from self.file.chunks()


@dataclass(frozen=True)
class EditBody:
    """The parsed request with its images."""

    options: request_body.ImagesBody
    pictures: list[SentImage]
    mask: SentImage | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def digest(self, path: str) -> str:
        """Hash of the whole request as 64 hex digits: a form's raw bytes differ each time, by their boundary."""
        digest_ = hashlib.sha256(path.encode())
        for name in sorted(self.fields):
            digest_.update(f"\n{name}={self.fields[name]!r}".encode("utf-8", "surrogatepass"))
        for picture in (*self.pictures, *([self.mask] if self.mask else [])):
            inner = hashlib.sha256(f"{picture.url}\n{picture.upload}".encode())
            for chunk in picture.chunks():
                inner.update(chunk)
            digest_.update(f"\n{picture.field}:{inner.hexdigest()}".encode())
        return digest_.hexdigest()


def parse(request: HttpRequest) -> EditBody:
    """Parse the body of POST /images/edits. Raises MalformedBody, RequestDataTooBig or ImageError."""
    fields, pictures, mask = _form(request, _FIELDS) if _is_form(request) else _json(request)
    if "markup" in fields:
        raise invalid(
            "markup is not supported by any model of this server.", "markup", "unsupported_parameter"
        )
    _check_count(pictures)
    fidelity = request_body.text_field(fields, "input_fidelity")
    shared = request_body.shared_fields(fields)
    if fidelity is not None:
        shared["hints"] = {**shared["hints"], "input_fidelity": fidelity}
    options = request_body.ImagesBody(prompt=request_body.required_prompt(fields), **shared)
    return EditBody(options, pictures, mask, fields)


def parse_variation(request: HttpRequest) -> EditBody:
    """Parse the body of POST /images/variations, always a form. Raises RequestDataTooBig or ImageError."""
    if not _is_form(request):
        raise invalid("The body must be multipart/form-data.")
    fields, pictures, mask = _form(request, _VARIATION)
    _check_count(pictures)
    return EditBody(
        request_body.ImagesBody(prompt="", **request_body.shared_fields(fields)), pictures, mask, fields
    )


def _check_count(pictures: list[SentImage]) -> None:
    if not pictures:
        raise invalid("Missing required parameter: 'image'.", "image")
    if len(pictures) > MAX_IMAGES:
        _too_many()


def _is_form(request: HttpRequest) -> bool:
    kind = request.content_type
    if kind == "multipart/form-data":
        return True
    if kind in {"application/json", ""}:
        return False
    raise invalid("The body must be multipart/form-data, or application/json.")


# -- Forms -----------------------------------------------------------------------------------------------------


def _form(request: HttpRequest, names: set[str]) -> tuple[dict[str, Any], list[SentImage], SentImage | None]:
    texts, files = _parts(request)
    pictures, mask = [], None
    for name, file in files:
        if _IMAGE.fullmatch(name):
            pictures.append(SentImage(name, _sized(name, file)))
        elif name == "mask" and "mask" in names:
            if mask is not None:
                raise invalid("mask was sent twice.", "mask")
            mask = SentImage(name, _sized(name, file))
        elif name in names:
            raise request_body.wrong_type(name, "text", "a file")
        else:
            request_body.known_fields({name: file}, names)
    return _typed(texts, names), pictures, mask


def _parts(request: HttpRequest) -> tuple[dict[str, str], list[tuple[str, Any]]]:
    """Texts and files of a form. Raises ImageError 400, or RequestDataTooBig."""
    try:
        files = [(name, file) for name, values_ in request.FILES.lists() for file in values_]
        lists = dict(request.POST.lists())
    except RequestDataTooBig:
        raise
    except TooManyFilesSent:
        _too_many()
    except (MultiPartParserError, SuspiciousOperation, OSError):
        raise invalid("The body is not multipart/form-data that can be read.") from None
    for name, values in lists.items():
        if _IMAGE.fullmatch(name) or name == "mask":
            raise invalid(f"{name} must be sent as a file, with a file name.", _plain(name))
        if len(values) > 1:
            raise invalid("A parameter was sent twice.", sayable(name))
    return {name: str(values[0]) for name, values in lists.items() if values}, files


def _too_many() -> NoReturn:
    raise invalid(f"At most {MAX_IMAGES} pictures may be sent.", "image") from None


def _sized(name: str, file: Any) -> Any:
    if not file.size:
        raise invalid(f"{name} is empty.", _plain(name))
    if file.size > MAX_FILE:
        raise too_large(name)
    return file


def too_large(name: str) -> ImageError:
    """413: an image exceeds the size limit."""
    text = f"{name} is larger than {MAX_FILE // 1024**2} MB; send a smaller picture."
    return ImageError(413, text, param=_plain(name))


def _plain(name: str) -> str:
    return "image" if name.startswith("image") else name


def _typed(texts: dict[str, str], names: set[str]) -> dict[str, Any]:
    """A form's texts as JSON values; what is neither a number nor a boolean stays a text."""
    fields: dict[str, Any] = {}
    for name, text in request_body.known_fields(texts, names).items():
        if name in _NUMBERS and re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
            fields[name] = int(text)
        elif name == "stream" and text.lower() in {"true", "false"}:
            fields[name] = text.lower() == "true"
        else:
            fields[name] = text
    return fields


# -- JSON ------------------------------------------------------------------------------------------------------


def _json(request: HttpRequest) -> tuple[dict[str, Any], list[SentImage], SentImage | None]:
    body = parse_json(request)
    if not isinstance(body, dict):
        raise invalid(f"The body must be an object, not {type_name(body)}.")
    fields = request_body.known_fields(body, _FIELDS)
    if "image" in fields and "images" in fields:
        raise invalid("Send image or images, not both.", "images")
    name = "images" if "images" in fields else "image"
    value = fields.pop(name, [])
    listed = value if isinstance(value, list) else [value]
    if len(listed) > MAX_IMAGES:
        _too_many()
    pictures = [_picture(name, item) for item in listed]
    mask = fields.pop("mask", None)
    return fields, pictures, _picture("mask", mask) if mask is not None else None


def _picture(name: str, value: Any) -> SentImage:
    """A URL, a data URI, or an object with one of `image_url` and `file_id`."""
    if isinstance(value, dict):
        if len(value) != 1 or not {*value} <= {"image_url", "file_id"}:
            raise invalid(f"{name} must have image_url or file_id, and nothing else.", name)
        if "file_id" in value:
            return _uploaded(name, value["file_id"])
        value = value["image_url"]
    if not isinstance(value, str):
        raise request_body.wrong_type(name, "string", type_name(value))
    if "\x00" in value or not is_unicode(value):
        raise invalid(f"{name} holds a NUL or half a character.", name)
    if value[:5].lower() == "data:":
        return SentImage(name, _decoded(name, value))
    if value[:8].lower().startswith(("http://", "https://")):
        return SentImage(name, url=value)
    raise invalid(f"{name} must be an http(s) address or a data URI.", name)


def _uploaded(name: str, value: Any) -> SentImage:
    if not isinstance(value, str) or not _FILE_ID.fullmatch(value):
        raise invalid(f"{name} names no file of this account.", name)
    return SentImage(name, upload=value)


def _decoded(name: str, text: str) -> ContentFile[bytes]:
    if len(text) > MAX_DATA_URI:
        raise too_large(name)
    try:
        _kind, data = data_uri.parse(text)
    except data_uri.NotADataUri as fault:
        raise invalid(f"{name} cannot be read: {fault}.", name) from None
    file: ContentFile[bytes] = ContentFile(data)
    return _sized(name, file)
