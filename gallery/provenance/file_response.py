"""The whole file of an item for others: its own pixels with an XMP packet of what generated it.

The packet is written at each request, so it always matches what the owner shows now; where the operator has a
certificate a signed copy exists (`content_credentials`). Ranges, HEAD and conditional requests work as for any
file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import IO

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse

from gallery.models import Item
from gallery.provenance import container_parts, containers, xmp_packet
from gallery.provenance.container_parts import ByteRange, Part, UnsupportedContainer
from predictions.files import file_responses, media
from predictions.models import StoredFile

CHUNK = 64 * 1024
_SCAN = 1 << 20
_MANIFEST = b"jumdc2pa"
"""Every C2PA manifest box starts so, in any container (C2PA 2.1, 11.1)."""
_KNOWN_S = 3600


def send(
    request: HttpRequest, item: Item, *, filename: str, attachment: bool, show_prompt: bool
) -> HttpResponse:
    """Respond with the whole file. `show_prompt`: whether this reader may have the prompt and the settings."""
    body = body_of(item, show_prompt=show_prompt)
    return file_responses.send_body(request, body, filename=filename, attachment=attachment, revalidate=True)


def body_of(item: Item, *, show_prompt: bool) -> file_responses.Body:
    """The whole file as others get it. Raises FileMissing or StorageUnavailable."""
    file = item.output.file
    signed_copy = current_signed_copy(item, show_prompt=show_prompt)
    if signed_copy is not None:
        return file_responses.body_of(signed_copy)
    packet = xmp_packet.packet_of(item, show_prompt=show_prompt)
    with media.open_file(file) as opened:
        if is_unmodified(file, opened, "" if show_prompt else item.prompt):
            # These very bytes are signed by somebody: writing into them would break the signature.
            return file_responses.body_of(file)
        try:
            parts = containers.rewrite(opened, file.size, file.content_type, packet)
        except UnsupportedContainer:
            return _fallback(item, show_prompt=show_prompt)
    return file_responses.Body(
        etag=f"{file.sha256[:40]}-{hashlib.sha256(packet).hexdigest()[:16]}",
        size=container_parts.length_of(parts),
        content_type=file.content_type,
        read=lambda start, length: _read(file, parts, start, length),
    )


def current_signed_copy(item: Item, *, show_prompt: bool) -> StoredFile | None:
    """The copy with content credentials, if it is current and made for this `show_prompt`."""
    return (
        item.rendition
        if item.rendition and not item.rendition_owed and show_prompt == item.show_prompt
        else None
    )


def is_unmodified(file: StoredFile, opened: IO[bytes], secret: str) -> bool:
    """Whether the file carries content credentials of its maker and must be sent unmodified: false where it
    contains `secret` ("": there is none)."""
    key = f"credentials-{file.pk}"
    found: tuple[bool, bool] | None = cache.get(key) if not secret else None
    if found is None:
        found = _scan(opened, _spellings(secret))
        if not secret:
            cache.set(key, found, _KNOWN_S)
    has_credentials, tells = found
    return has_credentials and not tells


def _spellings(secret: str) -> tuple[bytes, ...]:
    """Encodings in which a hidden text may occur in a file; compressed text counts, since it is not inspected."""
    start = secret.strip()[:40]
    return (start.encode(), start.encode("utf-16-le"), b"zTXt") if start else ()


def _scan(opened: IO[bytes], secrets: tuple[bytes, ...]) -> tuple[bool, bool]:
    """Whether the file holds credentials, and any of these words."""
    opened.seek(0)
    has_credentials, contains_secret, before = False, False, b""
    while piece := opened.read(_SCAN):
        # Overlaps, so that what straddles two pieces is found.
        window = before + piece
        has_credentials = has_credentials or _MANIFEST in window
        contains_secret = contains_secret or any(secret in window for secret in secrets)
        before = window[-256:]
    return has_credentials, contains_secret


def _fallback(item: Item, *, show_prompt: bool) -> file_responses.Body:
    """For a file of unsupported structure: its thumbnail, which carries no metadata.

    A video that could not be decoded has none; it is sent whole unless a prompt is hidden. Raises Http404.
    """
    output = item.output
    thumbnail = output.medium or output.small
    if thumbnail is None and item.prompt and not show_prompt:
        raise Http404
    return file_responses.body_of(thumbnail or output.file)


def _read(file: StoredFile, parts: list[Part], start: int, length: int) -> file_responses.Reading:
    opened = media.open_file(file)
    return file_responses.Reading(opened, pieces_of(opened, parts, start, length))


def pieces_of(file: IO[bytes], parts: list[Part], start: int, length: int) -> Iterator[bytes]:
    """A range of all parts together, in pieces."""
    for part in parts:
        size = part.length if isinstance(part, ByteRange) else len(part)
        if start >= size:
            start -= size
            continue
        taken = min(size - start, length)
        if isinstance(part, ByteRange):
            file.seek(part.start + start)
            yield from _pieces(file, taken)
        else:
            yield part[start : start + taken]
        start, length = 0, length - taken
        if length <= 0:
            return


def _pieces(file: IO[bytes], left: int) -> Iterator[bytes]:
    while left > 0:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk
