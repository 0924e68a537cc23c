"""Replaces the metadata of ISO base media files: MP4 videos and AVIF pictures.

Sources: ISO 14496-12, ISO 23008-12, AV1 Image File Format 1.1, XMP part 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from gallery.provenance.container_parts import PIECE, ByteRange, Part, Reader, UnsupportedContainer

_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MP4_KEPT = {b"ftyp", b"moov", b"mdat", b"moof", b"sidx", b"mfra", b"wide", b"pdin", b"styp"}
_AVIF_KEPT = {*_MP4_KEPT, b"meta"}
_AVIF_PICTURES = {b"av01", b"grid", b"iden", b"iovl", b"tmap"}
"""Types of items that are pictures, or parts of them. All others are metadata: EXIF, XMP."""


def mp4(read: Reader, packet: bytes) -> Iterator[Part]:
    """The parts of an MP4. Dropped boxes become free space of the same size: no offset into the media changes."""
    if read.at(4, 4) != b"ftyp":
        raise UnsupportedContainer("no MP4")
    yield from _box_file(read, packet, _MP4_KEPT, {})


def avif(read: Reader, packet: bytes) -> Iterator[Part]:
    """The parts of an AVIF. Metadata items, too, become zeros, with a type that nobody reads."""
    if read.at(4, 4) != b"ftyp":
        raise UnsupportedContainer("no AVIF")
    metas = [box for box in _boxes(read, 0, read.size) if box[3] == b"meta"]
    if len(metas) != 1:
        raise UnsupportedContainer("no index")
    place, length, ahead, _kind = metas[0]
    yield from _box_file(
        read, packet, _AVIF_KEPT, _metadata_replacements(read, place + ahead + 4, place + length)
    )


def _box_file(read: Reader, packet: bytes, kept: set[bytes], instead: dict[int, bytes]) -> Iterator[Part]:
    """`instead`: bytes that replace those of the file, by start position."""
    for place, length, ahead, kind in _boxes(read, 0, read.size):
        end = place + length
        if kind == b"moov":
            yield ByteRange(place, ahead)
            yield from _without_metadata(read, place + ahead, end)
        elif kind in kept:
            # A box that extends to the end of the file gets its length, since the packet follows it.
            is_open = read.number(place, 4) == 0
            yield struct.pack(">I4s", length, kind) if is_open else ByteRange(place, ahead)
            yield from _replaced(instead, place + ahead, end)
        elif kind != b"uuid" or end < read.size:
            yield _free(length)
    yield struct.pack(">I4s", 24 + len(packet), b"uuid") + _XMP_BOX + packet


def _replaced(instead: dict[int, bytes], start: int, end: int) -> Iterator[Part]:
    for place in sorted(place for place in instead if start <= place < end):
        if place < start or place + len(instead[place]) > end:
            raise UnsupportedContainer("parts that overlap")
        yield ByteRange(start, place - start)
        yield instead[place]
        start = place + len(instead[place])
    yield ByteRange(start, end - start)


def _without_metadata(read: Reader, start: int, end: int) -> Iterator[Part]:
    """The boxes of a video's index, without metadata."""
    for place, length, ahead, kind in _boxes(read, start, end):
        if kind in (b"udta", b"meta", b"uuid"):
            yield _free(length)
        elif kind == b"trak":
            yield ByteRange(place, ahead)
            yield from _without_metadata(read, place + ahead, place + length)
        else:
            yield ByteRange(place, length)


def _boxes(read: Reader, place: int, end: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Position, length, header length and type of each box between two positions."""
    first = place
    while place < end:
        length, kind = struct.unpack(">I4s", read.at(place, 8))
        ahead = 8
        if length == 1:
            length, ahead = read.number(place + 8, 8), 16
        elif length == 0:
            if first or end - place >= 1 << 32:
                raise UnsupportedContainer("a box without an end")
            length = end - place
        if length < ahead or place + length > end:
            raise UnsupportedContainer("a box too long")
        yield place, length, ahead, kind
        place += length


def _free(length: int) -> bytes:
    if length > 16 * PIECE:
        raise UnsupportedContainer("a strange box")
    return struct.pack(">I4s", length, b"free") + b"\0" * (length - 8)


def _metadata_replacements(read: Reader, start: int, end: int) -> dict[int, bytes]:
    """Replacements for an AVIF's metadata items: their types, and their bytes."""
    inside = {
        kind: (place + ahead, place + length) for place, length, ahead, kind in _boxes(read, start, end)
    }
    if b"iinf" not in inside or b"iloc" not in inside:
        raise UnsupportedContainer("no items")
    instead: dict[int, bytes] = {}
    metadata_items: set[int] = set()
    place, stop = inside[b"iinf"]
    place += 6 if read.number(place, 1) == 0 else 8
    for entry, length, ahead, kind in _boxes(read, place, stop):
        version = read.number(entry + ahead, 1)
        if kind != b"infe" or version not in (2, 3):
            raise UnsupportedContainer("an old index")
        wide = 2 if version == 2 else 4
        type_at = entry + ahead + 4 + wide + 2
        if read.at(type_at, 4) not in _AVIF_PICTURES:
            metadata_items.add(read.number(entry + ahead + 4, wide))
            # The name and MIME type after it may reveal something too.
            instead[type_at] = b"free" + b"\0" * (entry + length - type_at - 4)
    idat = inside.get(b"idat", (0, 0))[0]
    extents = [
        (begin, size, item in metadata_items) for item, begin, size in _extents(read, *inside[b"iloc"], idat)
    ]
    # Writers let items with equal bytes share them.
    stop, before = 0, True
    for begin, size, goes in sorted(extents):
        if begin < stop and goes is not before:
            raise UnsupportedContainer("a picture that tells")
        if goes and begin + size > stop:
            fresh = max(begin, stop)
            instead[fresh] = b"\0" * (begin + size - fresh)
        if begin + size > stop:
            stop, before = begin + size, goes
    if sum(map(len, instead.values())) > 16 * PIECE:
        raise UnsupportedContainer("too much is told")
    return instead


def _extents(read: Reader, place: int, end: int, idat: int) -> Iterator[tuple[int, int, int]]:
    """For each extent of each item: item id, position, length."""
    version, sizes = read.number(place, 1), read.number(place + 4, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    if version > 2:
        raise UnsupportedContainer("a new index")
    count, place = read.number(place + 6, wide), place + 6 + wide
    for _item in range(count):
        item, place = read.number(place, wide), place + wide
        how = read.number(place, 2) & 15 if version else 0
        place += 4 if version else 2
        base, place = read.number(place, base_size), place + base_size
        parts, place = read.number(place, 2), place + 2
        for _part in range(parts):
            place += index_size
            offset, place = read.number(place, offset_size), place + offset_size
            length, place = read.number(place, length_size), place + length_size
            begin = base + offset + (idat if how == 1 else 0)
            if how > 1 or not 0 < length <= read.size - begin or (how == 1 and not idat):
                raise UnsupportedContainer("an item somewhere else")
            yield item, begin, length
        if place > end:
            raise UnsupportedContainer("cut short")
