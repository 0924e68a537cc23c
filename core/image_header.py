"""Image headers: format and size from the first bytes of a file, enough to refuse what is no picture or far too large.

No imaging library, so that the web processes may check before anything is accepted. A file that passes may still be
broken: the decoder checks all of it, in a process with limits.
"""

from __future__ import annotations

import re
import struct
from typing import Final

MAX_BYTES: Final = 25 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
HEADER_BYTES: Final = 64 * 1024
"""First bytes of a file that are enough; the size of a photograph is behind its embedded preview."""
ADVICE: Final = "send a PNG, JPEG or WebP picture instead"

_PICTURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
)
_NAMED = (
    (b"%PDF", "PDF"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"8BPS", "PSD"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\x1aE\xdf\xa3", "WebM"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
)
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
"""JPEG markers whose segment says how large the picture is."""
_PADDING = re.compile(rb"\A[\xef\xbb\xbf \t\r\n]+")


def objection(head: bytes, size: int) -> str | None:
    """One sentence why a file of `size` bytes that begins with `head` is refused; None where it is not."""
    if size == 0:
        return f"The file is empty; {ADVICE}."
    if size > MAX_BYTES:
        return f"The file is larger than {MAX_BYTES // 1024**2} MB; send a smaller picture instead."
    kind = _refused_kind(head[:1024])
    if kind is not None:
        return f"{kind} files cannot be read here; {ADVICE}."
    if not _is_a_picture(head):
        return unreadable()
    claimed = claimed_size(head[:HEADER_BYTES])
    return too_large(claimed) if claimed is not None and claimed[0] * claimed[1] > MAX_PIXELS else None


def unreadable() -> str:
    """The sentence about a file of no known kind."""
    return f"The file is not a picture that can be read here; {ADVICE}."


def too_large(size: tuple[int, int] | None) -> str:
    """The sentence about a picture with too many pixels; `size` is width and height where they are known."""
    claimed = f" of {size[0]} x {size[1]} pixels" if size else ""
    return f"The picture{claimed} is too large; send one of at most {MAX_PIXELS // 1_000_000} million pixels instead."


def claimed_size(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels that the header claims; None where these bytes do not contain it."""
    try:
        if head.startswith(_PICTURES[0]):
            return _pair(">II", head, 16) if head[12:16] == b"IHDR" else None
        if head.startswith(b"GIF8"):
            return _pair("<HH", head, 6)
        if head.startswith(b"BM"):
            short = struct.unpack_from("<I", head, 14)[0] == 12
            width, height = _pair("<HH" if short else "<ii", head, 18)
            return width, abs(height)
        if head.startswith(b"RIFF"):
            return _webp(head)
        return _jpeg(head) if head.startswith(b"\xff\xd8") else None
    except (struct.error, IndexError):
        return None


def _pair(form: str, head: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(form, head, at)
    return first, second


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = _pair("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _FRAMES:
            height, width = _pair(">HH", head, at + 5)
            return width, height
        elif marker == 0xDA:
            return None
        else:
            at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4], "big"))
    return None


def _is_a_picture(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return any(brand in head[8:64] for brand in _AVIF)
    return head.startswith(_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")


def _refused_kind(head: bytes) -> str | None:
    """The name of a well-known file format that is refused."""
    if head[4:8] == b"ftyp" and not any(brand in head[8:64] for brand in _AVIF):
        # An AVIF file may name mif1 first and avif among its compatible brands.
        return "HEIC" if head[8:12] in _HEIC else "Video"
    for magic, name in _NAMED:
        if head.startswith(magic):
            return name
    text = _PADDING.sub(b"", head).lower()
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!--")) and b"<svg" in text):
        return "SVG"
    if text.startswith((b"<!doctype html", b"<html")):
        return "HTML"
    return next((name for magic, name in _NAMED[:4] if text.startswith(magic.lower())), None)
