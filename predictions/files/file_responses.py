"""HTTP responses with stored files: ETag, one range, HEAD, and headers that keep untrusted content harmless.

`send` is for a stored file as it is, `send_body` for bytes that are generated while they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.utils.cache import patch_cache_control

from predictions.files.media import CHUNK, open_file
from predictions.models import StoredFile

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_INLINE = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "video/mp4", "text/plain"}
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


def send(
    request: HttpRequest,
    file: StoredFile,
    *,
    filename: str,
    max_age: int = 0,
    attachment: bool = False,
    revalidate: bool = False,
) -> HttpResponse:
    """Response with the file's bytes, never a redirect: with ETag, one range, HEAD, and hardened headers.

    Raises FileMissing or StorageUnavailable before a response is begun. `max_age` in seconds for private caches;
    `revalidate`: caches must revalidate each time (what can be withdrawn).
    """
    return send_body(
        request,
        body_of(file),
        filename=filename,
        max_age=max_age,
        attachment=attachment,
        revalidate=revalidate,
    )


@dataclass(frozen=True)
class Body:
    """Bytes to send: their ETag, their size, and how to read from an offset."""

    etag: str
    size: int
    content_type: str
    read: Callable[[int, int], Reading]
    """Called with start and length in bytes. Raises FileMissing or StorageUnavailable."""


def body_of(file: StoredFile) -> Body:
    """A stored file as it is."""
    return Body(
        file.sha256, file.size, file.content_type, lambda start, length: _read_range(file, start, length)
    )


class Reading:
    """Iterator over an open file that closes it at the end, or when the response is closed early."""

    def __init__(self, file: IO[bytes], parts: Iterator[bytes]) -> None:
        self._file = file
        self._parts = parts

    def __iter__(self) -> Reading:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def send_body(
    request: HttpRequest,
    body: Body,
    *,
    filename: str,
    max_age: int = 0,
    attachment: bool = False,
    revalidate: bool = False,
) -> HttpResponse:
    """Like `send`, for bytes that are generated while they are sent."""
    etag = f'"{body.etag}"'
    answer: HttpResponse = (
        HttpResponseNotModified() if _not_modified(request, etag) else _full_or_partial(request, body, etag)
    )
    answer["ETag"] = etag
    answer["Accept-Ranges"] = "bytes"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Access-Control-Allow-Origin"] = "*"
    disposition = "inline" if not attachment and body.content_type in _INLINE else "attachment"
    name = filename if _SAFE_NAME.fullmatch(filename) else "file"
    answer["Content-Disposition"] = f'{disposition}; filename="{name}"'
    if revalidate:
        patch_cache_control(answer, private=True, no_cache=True)
    else:
        patch_cache_control(answer, private=True, max_age=max_age)
    return answer


def _not_modified(request: HttpRequest, etag: str) -> bool:
    header = request.headers.get("If-None-Match", "")
    return header.strip() == "*" or etag in [part.strip().removeprefix("W/") for part in header.split(",")]


def _full_or_partial(request: HttpRequest, body: Body, etag: str) -> HttpResponse:
    byte_range = _range(request, body.size, etag)
    if byte_range is not None and byte_range[0] >= body.size:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{body.size}"
        return refused
    start, end = byte_range or (0, body.size - 1)
    length = max(0, end - start + 1)
    reading = body.read(start, length)
    if request.method == "HEAD":
        reading.close()
        answer = HttpResponse(content_type=body.content_type)
    else:
        answer = StreamingHttpResponse(reading, content_type=body.content_type)  # type: ignore[assignment]
    answer["Content-Length"] = str(length)
    if byte_range is not None:
        answer.status_code = 206
        answer["Content-Range"] = f"bytes {start}-{end}/{body.size}"
    return answer


def _range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte of a single requested range; None where the whole file is to be sent."""
    header = request.headers.get("Range", "")
    condition = request.headers.get("If-Range")
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if not match or (condition is not None and condition.strip() != etag):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        if int(last) == 0:
            return size, size
        return max(0, size - int(last)), size - 1
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    return start, end


def _read_range(file: StoredFile, start: int, length: int) -> Reading:
    bytes_ = open_file(file)
    bytes_.seek(start)
    return Reading(bytes_, _read_chunks(bytes_, length))


def _read_chunks(file: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0 and (chunk := file.read(min(CHUNK, left))):
        left -= len(chunk)
        yield bytes(chunk)
