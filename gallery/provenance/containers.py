"""Replaces the metadata of a picture or video without touching its pixels: PNG, JPEG, WebP, GIF, AVIF and MP4.

A file is walked by its own structure and becomes a list of parts: ranges copied from the file, and a few bytes
of ours between them. Metadata written by its maker (text, EXIF, XMP, comments, credentials) is dropped: it may
hold a prompt that the member does not show. What the pixels need (colour profiles, transparency, animation,
orientation) stays. MP4 and AVIF are in `isobmff`. Sources: PNG 3rd edition, ITU-T T.81, JFIF 1.02, the WebP
container specification, GIF89a, XMP part 3.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from gallery.provenance.container_parts import (
    PIECE,
    ByteRange,
    Part,
    Reader,
    UnsupportedContainer,
    length_of,
)
from gallery.provenance.isobmff import avif, mp4

LARGEST_PACKET = 60_000
"""Bytes of XMP that fit into one segment of a JPEG, the tightest of the formats."""
MOST_PARTS = 200_000


def rewrite(file: IO[bytes], size: int, content_type: str, packet: bytes) -> list[Part]:
    """The parts of the file with this XMP packet as its only metadata. Raises UnsupportedContainer."""
    walk = _WALKS.get(content_type)
    if walk is None or len(packet) > LARGEST_PACKET:
        raise UnsupportedContainer(content_type)
    try:
        return _joined(walk(Reader(file, size), packet))
    except (struct.error, IndexError) as error:
        raise UnsupportedContainer(content_type) from error


def _joined(parts: Iterator[Part]) -> list[Part]:
    """The parts with adjacent ranges merged."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if (
            isinstance(part, ByteRange)
            and isinstance(last, ByteRange)
            and last.start + last.length == part.start
        ):
            found[-1] = ByteRange(last.start, last.length + part.length)
        elif not isinstance(part, bytes) or part:
            found.append(part)
        if len(found) > MOST_PARTS:
            raise UnsupportedContainer("too many parts")
    return found


# PNG

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {
    b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST", b"tRNS", b"pHYs", b"sPLT",
    b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip


def _png(read: Reader, packet: bytes) -> Iterator[Part]:
    if read.at(0, 8) != _PNG:
        raise UnsupportedContainer("no PNG")
    yield ByteRange(0, 8)
    place, first = 8, True
    while True:
        length, kind = struct.unpack(">I4s", read.at(place, 8))
        whole = 12 + length
        if place + whole > read.size:
            raise UnsupportedContainer("cut short")
        if first and kind != b"IHDR":
            raise UnsupportedContainer("no IHDR")
        if kind == b"eXIf":
            turned = _orientation(read.at(place + 8, min(length, 65_536)))
            if turned:
                yield _png_chunk(b"eXIf", turned)
        elif not kind[0] & 0x20 or kind in _PNG_KEPT:
            yield ByteRange(place, whole)
        if first:
            yield _png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
            first = False
        place += whole
        if kind == b"IEND":
            return


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# JPEG

_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
# What decoders need; cameras write metadata of their own into segments with the same numbers.
_JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}


def _jpeg(read: Reader, packet: bytes) -> Iterator[Part]:
    if read.at(0, 2) != b"\xff\xd8":
        raise UnsupportedContainer("no JPEG")
    yield ByteRange(0, 2)
    ours = _XMP_SEGMENT + packet
    segment = b"\xff\xe1" + struct.pack(">H", len(ours) + 2) + ours
    place, written = 2, False
    while True:
        lead, marker = read.at(place, 2)
        if lead != 0xFF:
            raise UnsupportedContainer("no marker")
        if marker == 0xFF:
            place += 1
            continue
        # JFIF's own segment has to be the first.
        if not written and marker != 0xE0:
            yield segment
            written = True
        if marker == 0xD9:
            yield ByteRange(place, 2)
            return
        if marker in _WITHOUT_LENGTH:
            yield ByteRange(place, 2)
            place += 2
            continue
        length = 2 + int.from_bytes(read.at(place + 2, 2), "big")
        yield from _jpeg_segment(read, marker, ByteRange(place, length))
        place += length
        if marker == 0xDA:
            end = _end_of_scan(read, place)
            yield ByteRange(place, end - place)
            place = end


def _jpeg_segment(read: Reader, marker: int, whole: ByteRange) -> Iterator[Part]:
    body = read.at(whole.start + 4, min(whole.length - 4, 65_536)) if 0xE0 <= marker <= 0xEF else b""
    if marker == 0xE1:
        turned = _orientation(body.removeprefix(b"Exif\0\0")) if body.startswith(b"Exif\0\0") else b""
        if turned:
            exif = b"Exif\0\0" + turned
            yield b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    elif 0xE0 <= marker <= 0xEF:
        if marker in _JPEG_KEPT and body.startswith(_JPEG_KEPT[marker]):
            yield whole
    elif marker < 0xF0:
        yield whole


def _end_of_scan(read: Reader, place: int) -> int:
    """The position of the next marker after entropy-coded data."""
    while place < read.size:
        piece = read.at(place, min(PIECE, read.size - place))
        found = _MARKER.search(piece)
        if found:
            return place + found.start()
        # A marker may straddle two pieces.
        place += max(1, len(piece) - 1)
    raise UnsupportedContainer("no end")


# WebP

_WEBP_KEPT = {b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"}
_HAS_ICC, _HAS_ALPHA, _HAS_EXIF, _HAS_XMP, _HAS_ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02


def _webp(read: Reader, packet: bytes) -> Iterator[Part]:
    riff, stated, kind = struct.unpack("<4sI4s", read.at(0, 12))
    if riff != b"RIFF" or kind != b"WEBP":
        raise UnsupportedContainer("no WebP")
    kept: list[Part] = []
    head, exif = b"", b""
    place, end = 12, min(read.size, 8 + stated)
    while place + 8 <= end:
        name, length = struct.unpack("<4sI", read.at(place, 8))
        whole = 8 + length + (length & 1)
        if place + 8 + length > read.size:
            raise UnsupportedContainer("cut short")
        if name == b"VP8X":
            head = read.at(place + 8, 10)
        elif name == b"EXIF":
            exif = _orientation(read.at(place + 8, min(length, 65_536)).removeprefix(b"Exif\0\0"))
        elif name in _WEBP_KEPT:
            head = head or _webp_head(read, name, place + 8)
            kept.append(ByteRange(place, 8 + length))
            kept.append(b"\0" * (length & 1))
        place += whole
    if not head:
        raise UnsupportedContainer("no picture")
    flags = head[0] & ~(_HAS_EXIF | _HAS_XMP) | _HAS_XMP | (_HAS_EXIF if exif else 0)
    ahead = _riff_chunk(b"VP8X", bytes([flags]) + head[1:])
    behind = (_riff_chunk(b"EXIF", exif) if exif else b"") + _riff_chunk(b"XMP ", packet)
    yield struct.pack("<4sI4s", b"RIFF", 4 + len(ahead) + length_of(kept) + len(behind), b"WEBP") + ahead
    yield from kept
    yield behind


def _webp_head(read: Reader, name: bytes, place: int) -> bytes:
    """The extended header that a simple file lacks: no flag but alpha, and width and height minus one."""
    if name == b"VP8L":
        bits = int.from_bytes(read.at(place + 1, 4), "little")
        width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bool(bits >> 28 & 1)
    elif name == b"VP8 ":
        wide, high = struct.unpack("<HH", read.at(place + 6, 4))
        width, height, alpha = (wide & 0x3FFF) - 1, (high & 0x3FFF) - 1, False
    else:
        raise UnsupportedContainer("no header")
    flags = _HAS_ALPHA if alpha else 0
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def _riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


# GIF

_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
# Makes any decoder that reads the packet as sub-blocks reach the end (XMP part 3, 1.1.2).
_GIF_MAGIC = b"\x01" + bytes(range(255, -1, -1)) + b"\0"


def _gif(read: Reader, packet: bytes) -> Iterator[Part]:
    head = read.at(0, 13)
    if head[:6] not in (b"GIF87a", b"GIF89a"):
        raise UnsupportedContainer("no GIF")
    place = 13 + _table(head[10])
    yield b"GIF89a"
    yield ByteRange(6, place - 6)
    yield b"\x21\xff\x0bXMP DataXMP" + packet + _GIF_MAGIC
    while True:
        kind, start = read.number(place, 1), place
        if kind == 0x3B:
            yield ByteRange(place, 1)
            return
        if kind == 0x2C:
            place = _blocks(read, place + 10 + _table(read.number(place + 9, 1)) + 1)
            yield ByteRange(start, place - start)
        elif kind == 0x21:
            place = _blocks(read, start + 2)
            label = read.number(start + 1, 1)
            if label == 0xF9 or (
                label == 0xFF and read.at(start + 3, min(11, place - start - 3)) in _GIF_KEPT
            ):
                yield ByteRange(start, place - start)
        else:
            raise UnsupportedContainer("no block")


def _table(packed: int) -> int:
    """Bytes of the colour table declared by these flags."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _blocks(read: Reader, place: int) -> int:
    """The position after the sub-blocks that start there."""
    while length := read.number(place, 1):
        place += 1 + length
    return place + 1


# EXIF


def _orientation(exif: bytes) -> bytes:
    """An EXIF block with the orientation alone; empty where the picture is upright anyway."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 14:
        return b""
    place = int(struct.unpack(order + "I", exif[4:8])[0])
    if place + 2 > len(exif):
        return b""
    count = int(struct.unpack(order + "H", exif[place : place + 2])[0])
    for index in range(min(count, 200)):
        entry = exif[place + 2 + 12 * index : place + 14 + 12 * index]
        if len(entry) == 12 and struct.unpack(order + "H", entry[:2])[0] == 0x0112:
            value = int(struct.unpack(order + "H", entry[8:10])[0])
            if 2 <= value <= 8:
                return b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, value, 0, 0)
    return b""


_WALKS: dict[str, Callable[[Reader, bytes], Iterator[Part]]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/gif": _gif,
    "image/avif": avif,
    "video/mp4": mp4,
}
