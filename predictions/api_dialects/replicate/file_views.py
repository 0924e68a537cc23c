"""Files of the Replicate dialect: upload, list, get, delete, download by a signed URL."""

from __future__ import annotations

import json
import re
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError

from accounts.tokens.authentication import reachable_by_url
from core.http.json_body import is_unicode
from predictions.api_dialects.common.endpoint import TokenRequest
from predictions.api_dialects.common.payloads import json_response
from predictions.api_dialects.replicate import cursor_pages, error_responses
from predictions.api_dialects.replicate.absolute_urls import AbsoluteUrls, absolute_urls_for
from predictions.api_dialects.replicate.serializers import time
from predictions.files import file_responses, media, uploads
from predictions.image_safety import upload_checks
from predictions.models import Upload
from predictions.submit.validation import Fault

MAX_METADATA = 64 * 1024
_BRACKETS = re.compile(r"metadata((?:\[[^\[\]]{1,100}\]){1,8})")


def create(request: TokenRequest) -> HttpResponse:
    """POST /files, multipart: `content`, and `metadata` in any of the three forms that clients send."""
    try:
        content, metadata = request.FILES.get("content"), _metadata(request)
    except RequestDataTooBig:
        raise
    except (MultiPartParserError, SuspiciousOperation, BadRequest, OSError):
        raise error_responses.bad_request("The body is not multipart/form-data in UTF-8.") from None
    if not isinstance(content, UploadedFile):
        raise error_responses.faults([Fault("required", "", "content is required")])
    file_meta = uploads.Sent(
        _name(request, content), request.POST.get("type") or content.content_type or "", metadata
    )
    token = request.api_token
    try:
        upload = uploads.keep(token.user, token.account, file_meta, content.chunks(media.CHUNK))
    except uploads.TooLarge:
        raise error_responses.too_large() from None
    except media.DiskFull:
        raise error_responses.unavailable() from None
    except upload_checks.NotTaken as refused:
        raise error_responses.faults([Fault("not_allowed", "content", str(refused))]) from None
    return json_response(file_json(upload, absolute_urls_for(request)), 201)


def list_files(request: TokenRequest) -> HttpResponse:
    """GET /files: the account's own, newest first."""
    rows = Upload.objects.visible().filter(account=request.api_token.account).select_related("file")
    urls = absolute_urls_for(request)
    return json_response(cursor_pages.page(request, rows, urls, lambda row: file_json(row, urls)))


def get(request: TokenRequest, public_id: str) -> HttpResponse:
    """GET /files/{id}: the file object, not its bytes."""
    return json_response(file_json(_own(request, public_id), absolute_urls_for(request)))


def delete(request: TokenRequest, public_id: str) -> HttpResponse:
    """DELETE /files/{id}: exactly 204 with an empty body."""
    uploads.delete(_own(request, public_id))
    return HttpResponse(status=204)


def download(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /files/{id}/download?owner=&expiry=&signature=: the bytes, without a token."""
    rows = Upload.objects.visible().select_related("file", "account").filter(public_id=public_id)
    upload = rows.filter(reachable_by_url()).first()
    signed_parts = [request.GET.get(name, "") for name in ("owner", "expiry", "signature")]
    if upload is None or not uploads.opens(upload, *signed_parts):
        raise Http404
    return file_responses.send(request, upload.file, filename=upload.name, attachment=True)


def file_json(upload: Upload, urls: AbsoluteUrls) -> dict[str, Any]:
    """The file object; clients require every key."""
    return {
        "id": upload.public_id,
        "name": upload.name,
        "content_type": upload.content_type,
        "size": upload.file.size,
        "etag": upload.md5,
        "checksums": {"sha256": upload.file.sha256, "md5": upload.md5},
        "metadata": upload.metadata,
        "created_at": time(upload.created_at),
        "expires_at": time(upload.expires_at),
        "urls": {"get": urls.of(f"/files/{upload.public_id}")},
    }


def _own(request: TokenRequest, public_id: str) -> Upload:
    rows = Upload.objects.visible().filter(account=request.api_token.account, public_id=public_id)
    upload = rows.select_related("file").first()
    if upload is None:
        raise Http404
    return upload


def _name(request: TokenRequest, content: UploadedFile) -> str:
    name = request.POST.get("filename") or content.name or "file"
    if "\x00" in name or not is_unicode(name) or len(name.encode()) > uploads.MAX_NAME:
        text = f"Must be at most {uploads.MAX_NAME} bytes of UTF-8"
        raise error_responses.faults([Fault("string_lte", "filename", text)])
    return name


def _metadata(request: TokenRequest) -> dict[str, Any]:
    """A form field with JSON, a file part with JSON, or `metadata[key]` fields with text values."""
    part = request.FILES.get("metadata")
    if isinstance(part, UploadedFile):
        return _parsed(part.read(MAX_METADATA + 1))
    if "metadata" in request.POST:
        return _parsed(request.POST["metadata"].encode("utf-8", "surrogatepass"))
    metadata: dict[str, Any] = {}
    for field, value in request.POST.items():
        match = _BRACKETS.fullmatch(field)
        if match:
            _set(metadata, match.group(1)[1:-1].split("]["), str(value))
    return _checked(metadata)


def _set(metadata: dict[str, Any], keys: list[str], value: str) -> None:
    inner = metadata
    for key in keys[:-1]:
        deeper = inner.setdefault(key, {})
        if not isinstance(deeper, dict):
            raise error_responses.faults(
                [Fault("invalid_type", "metadata", "A key has both a value and keys beneath it")]
            )
        inner = deeper
    inner[keys[-1]] = value


def _parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_METADATA:
        raise error_responses.faults(
            [Fault("string_lte", "metadata", f"Must be at most {MAX_METADATA} bytes")]
        )
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise error_responses.faults([Fault("format", "metadata", "Does not match format 'json'")]) from None
    if not isinstance(value, dict):
        raise error_responses.faults([Fault("invalid_type", "metadata", "Invalid type. Expected: object")])
    return _checked(value)


def _checked(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        raise error_responses.faults([Fault("format", "metadata", "Does not match format 'json'")]) from None
    if "\\u0000" in text or len(text) > MAX_METADATA:
        raise error_responses.faults([Fault("format", "metadata", "Holds a NUL character or is too long")])
    return value
