"""New metadata in a picture or film without touching its pixels: PNG, JPEG, WebP, GIF and MP4.

A file is walked by its own structure and becomes a list of parts: stretches of the file as they stand, and a few bytes
of ours between them. What its maker wrote about it (text, EXIF, XMP, comments, credentials) is left out: it may hold
the words that a member keeps to themselves. What the pixels need (colour profiles, transparency, animation, which side
is up) stays. Sources: PNG 3rd edition, ITU-T T.81, the WebP container specification, GIF89a, ISO 14496-12, XMP part 3.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

LARGEST_PACKET = 60_000
"""Bytes of XMP that fit into one segment of a JPEG, the tightest of all."""
MOST_PARTS = 200_000
_PIECE = 1 << 20


class NotUnderstood(ValueError):
    """The file is not built as its type says."""


@dataclass(frozen=True)
class Stretch:
    """So many bytes of the file, from `start`."""

    start: int
    length: int


Part = bytes | Stretch


def rewritten(file: IO[bytes], size: int, content_type: str, packet: bytes) -> list[Part]:
    """The parts of the file of that type with this XMP packet as its only metadata. Raises NotUnderstood."""
    walk = _WALKS.get(content_type)
    if walk is None or len(packet) > LARGEST_PACKET:
        raise NotUnderstood(content_type)
    try:
        return _joined(walk(_Reader(file, size), packet))
    except (struct.error, IndexError) as error:
        raise NotUnderstood(content_type) from error


def length_of(parts: list[Part]) -> int:
    """Bytes of all parts together."""
    return sum(part.length if isinstance(part, Stretch) else len(part) for part in parts)


def _joined(parts: Iterator[Part]) -> list[Part]:
    """The parts with neighbouring stretches made one."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Stretch) and isinstance(last, Stretch) and last.start + last.length == part.start:
            found[-1] = Stretch(last.start, last.length + part.length)
        elif not isinstance(part, bytes) or part:
            found.append(part)
        if len(found) > MOST_PARTS:
            raise NotUnderstood("too many parts")
    return found


class _Reader:
    """Reads at places; what is not there is a fault."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self.size = file, size

    def at(self, start: int, length: int) -> bytes:
        """So many bytes from there. Raises NotUnderstood where they are not."""
        if length < 0 or start < 0 or start + length > self.size:
            raise NotUnderstood("cut short")
        self._file.seek(start)
        data = self._file.read(length)
        if len(data) != length:
            raise NotUnderstood("cut short")
        return data


# PNG

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {
    b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"hIST", b"tRNS", b"pHYs", b"sPLT",
    b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip


def _png(read: _Reader, packet: bytes) -> Iterator[Part]:
    if read.at(0, 8) != _PNG:
        raise NotUnderstood("no PNG")
    yield Stretch(0, 8)
    place, first = 8, True
    while True:
        length, kind = struct.unpack(">I4s", read.at(place, 8))
        whole = 12 + length
        if place + whole > read.size:
            raise NotUnderstood("cut short")
        if first and kind != b"IHDR":
            raise NotUnderstood("no IHDR")
        if kind == b"eXIf":
            turned = _orientation(read.at(place + 8, min(length, 65_536)))
            if turned:
                yield _png_chunk(b"eXIf", turned)
        elif not kind[0] & 0x20 or kind in _PNG_KEPT:
            yield Stretch(place, whole)
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
_STANDS_ALONE = {0x01, *range(0xD0, 0xD8)}


def _jpeg(read: _Reader, packet: bytes) -> Iterator[Part]:
    if read.at(0, 2) != b"\xff\xd8":
        raise NotUnderstood("no JPEG")
    yield Stretch(0, 2)
    ours = _XMP_SEGMENT + packet
    segment = b"\xff\xe1" + struct.pack(">H", len(ours) + 2) + ours
    place, told = 2, False
    while True:
        lead, marker = read.at(place, 2)
        if lead != 0xFF:
            raise NotUnderstood("no marker")
        if marker == 0xFF:
            place += 1
            continue
        # JFIF's own segment has to be the first.
        if not told and marker != 0xE0:
            yield segment
            told = True
        if marker == 0xD9:
            yield Stretch(place, 2)
            return
        if marker in _STANDS_ALONE:
            yield Stretch(place, 2)
            place += 2
            continue
        length = 2 + int.from_bytes(read.at(place + 2, 2), "big")
        yield from _jpeg_segment(read, marker, Stretch(place, length))
        place += length
        if marker == 0xDA:
            end = _end_of_scan(read, place)
            yield Stretch(place, end - place)
            place = end


def _jpeg_segment(read: _Reader, marker: int, whole: Stretch) -> Iterator[Part]:
    body = read.at(whole.start + 4, min(whole.length - 4, 65_536)) if 0xE0 <= marker <= 0xEF else b""
    if marker == 0xE1:
        turned = _orientation(body.removeprefix(b"Exif\0\0")) if body.startswith(b"Exif\0\0") else b""
        if turned:
            exif = b"Exif\0\0" + turned
            yield b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    elif 0xE0 <= marker <= 0xEF:
        if marker in (0xE0, 0xEE) or body.startswith(b"ICC_PROFILE\0"):
            yield whole
    elif marker != 0xFE:
        yield whole


def _end_of_scan(read: _Reader, place: int) -> int:
    """Where the next marker stands behind compressed data."""
    while place < read.size:
        piece = read.at(place, min(_PIECE, read.size - place))
        found = _MARKER.search(piece)
        if found:
            return place + found.start()
        # A marker may lie across the border of two pieces.
        place += max(1, len(piece) - 1)
    raise NotUnderstood("no end")


# WebP

_WEBP_KEPT = {b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"}
_HAS_ICC, _HAS_ALPHA, _HAS_EXIF, _HAS_XMP, _MOVES = 0x20, 0x10, 0x08, 0x04, 0x02


def _webp(read: _Reader, packet: bytes) -> Iterator[Part]:
    riff, stated, kind = struct.unpack("<4sI4s", read.at(0, 12))
    if riff != b"RIFF" or kind != b"WEBP":
        raise NotUnderstood("no WebP")
    kept: list[Part] = []
    head, exif = b"", b""
    place, end = 12, min(read.size, 8 + stated)
    while place + 8 <= end:
        name, length = struct.unpack("<4sI", read.at(place, 8))
        whole = 8 + length + (length & 1)
        if place + 8 + length > read.size:
            raise NotUnderstood("cut short")
        if name == b"VP8X":
            head = read.at(place + 8, 10)
        elif name == b"EXIF":
            exif = _orientation(read.at(place + 8, min(length, 65_536)).removeprefix(b"Exif\0\0"))
        elif name in _WEBP_KEPT:
            head = head or _webp_head(read, name, place + 8)
            kept.append(Stretch(place, 8 + length))
            kept.append(b"\0" * (length & 1))
        place += whole
    if not head:
        raise NotUnderstood("no picture")
    flags = head[0] & ~(_HAS_EXIF | _HAS_XMP) | _HAS_XMP | (_HAS_EXIF if exif else 0)
    ahead = _riff_chunk(b"VP8X", bytes([flags]) + head[1:])
    behind = (_riff_chunk(b"EXIF", exif) if exif else b"") + _riff_chunk(b"XMP ", packet)
    yield struct.pack("<4sI4s", b"RIFF", 4 + len(ahead) + length_of(kept) + len(behind), b"WEBP") + ahead
    yield from kept
    yield behind


def _webp_head(read: _Reader, name: bytes, place: int) -> bytes:
    """The extended header that a plain file of one picture lacks: no flag but alpha, and the size less one."""
    if name == b"VP8L":
        bits = int.from_bytes(read.at(place + 1, 4), "little")
        width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bool(bits >> 28 & 1)
    elif name == b"VP8 ":
        wide, high = struct.unpack("<HH", read.at(place + 6, 4))
        width, height, alpha = (wide & 0x3FFF) - 1, (high & 0x3FFF) - 1, False
    else:
        raise NotUnderstood("no header")
    flags = _HAS_ALPHA if alpha else 0
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def _riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)


# GIF

_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
# Ends any reader's walk through the packet as if through blocks (XMP part 3, 1.1.2).
_GIF_MAGIC = b"\x01" + bytes(range(255, -1, -1)) + b"\0"


def _gif(read: _Reader, packet: bytes) -> Iterator[Part]:
    data = read.at(0, read.size)
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise NotUnderstood("no GIF")
    place = 13 + _table(data[10])
    yield b"GIF89a"
    yield Stretch(6, place - 6)
    yield b"\x21\xff\x0bXMP DataXMP" + packet + _GIF_MAGIC
    while True:
        kind, start = data[place], place
        if kind == 0x3B:
            yield Stretch(place, 1)
            return
        if kind == 0x2C:
            place = _blocks(data, place + 10 + _table(data[place + 9]) + 1)
            yield Stretch(start, place - start)
        elif kind == 0x21:
            place = _blocks(data, start + 2)
            label = data[start + 1]
            if label == 0xF9 or (label == 0xFF and data[start + 3 : start + 14] in _GIF_KEPT):
                yield Stretch(start, place - start)
        else:
            raise NotUnderstood("no block")


def _table(packed: int) -> int:
    """Bytes of the colour table that a header's bits tell of."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _blocks(data: bytes, place: int) -> int:
    """Behind the sub-blocks that begin there."""
    while data[place]:
        place += 1 + data[place]
    return place + 1


# MP4

_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MP4_KEPT = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"moof",
    b"sidx",
    b"mfra",
    b"free",
    b"skip",
    b"wide",
    b"pdin",
    b"styp",
}


def _mp4(read: _Reader, packet: bytes) -> Iterator[Part]:
    """Boxes that go become free space of the same size, so that no offset into the film changes."""
    if read.at(4, 4) != b"ftyp":
        raise NotUnderstood("no MP4")
    for place, length, ahead, kind in _boxes(read, 0, read.size):
        if kind == b"moov":
            yield Stretch(place, ahead)
            yield from _emptied(read, place + ahead, place + length)
        elif kind in _MP4_KEPT:
            yield Stretch(place, length)
        else:
            yield _free(length)
    yield struct.pack(">I4s", 24 + len(packet), b"uuid") + _XMP_BOX + packet


def _emptied(read: _Reader, start: int, end: int) -> Iterator[Part]:
    """The boxes of a film's index, without what was written about it."""
    for place, length, ahead, kind in _boxes(read, start, end):
        if kind in (b"udta", b"meta", b"uuid"):
            yield _free(length)
        elif kind == b"trak":
            yield Stretch(place, ahead)
            yield from _emptied(read, place + ahead, place + length)
        else:
            yield Stretch(place, length)


def _boxes(read: _Reader, place: int, end: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Start, length, length of the header and type of each box between two places."""
    while place < end:
        length, kind = struct.unpack(">I4s", read.at(place, 8))
        ahead = 8
        if length == 1:
            length, ahead = int.from_bytes(read.at(place + 8, 8), "big"), 16
        elif length == 0:
            raise NotUnderstood("a box without an end")
        if length < ahead or place + length > end:
            raise NotUnderstood("a box too long")
        yield place, length, ahead, kind
        place += length


def _free(length: int) -> bytes:
    if length > 16 * _PIECE:
        raise NotUnderstood("a strange box")
    return struct.pack(">I4s", length, b"free") + b"\0" * (length - 8)


# EXIF


def _orientation(exif: bytes) -> bytes:
    """An EXIF block that says which side is up and nothing else; empty where the picture stands upright anyway."""
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


_WALKS: dict[str, Callable[[_Reader, bytes], Iterator[Part]]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/gif": _gif,
    "video/mp4": _mp4,
}
