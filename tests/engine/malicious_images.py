"""Malicious image files, generated here: more than two hundred."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
SIZE = (40, 30)
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def all_of_them() -> dict[str, bytes]:
    """Every file by a name that describes its defect."""
    found: dict[str, bytes] = {}
    for part in (
        _cut_short,
        _damaged,
        _random,
        _strangers,
        _pngs,
        _jpegs,
        _gifs,
        _bmps,
        _tiffs,
        _webps,
        _avifs,
    ):
        for name, content in part():
            assert name not in found, name
            found[name] = content
    return found


@cache
def sound(fmt: str, **options: Any) -> bytes:
    """A valid picture: `SIZE`, a colour ramp."""
    out = io.BytesIO()
    ramp = Image.linear_gradient("L").resize(SIZE)
    Image.merge("RGB", (ramp, ramp.rotate(180), ramp)).save(out, fmt, **options)
    return out.getvalue()


@cache
def _noughts() -> bytes:
    """Eighty megabytes of zeros, compressed a thousandfold."""
    return zlib.compress(bytes(80_000_000), 9)


def _cut_short() -> Iterator[tuple[str, bytes]]:
    for fmt in FORMATS:
        whole = sound(fmt)
        for percent in (2, 10, 25, 40, 60, 80, 95):
            yield f"{fmt} cut at {percent} %", whole[: len(whole) * percent // 100]


def _damaged() -> Iterator[tuple[str, bytes]]:
    for fmt in FORMATS:
        rng = random.Random(f"damaged {fmt}")
        for number in range(8):
            content = bytearray(sound(fmt))
            for _ in range(1 + 3 * number):
                content[rng.randrange(8, len(content))] = rng.randrange(256)
            yield f"{fmt} damaged {number}", bytes(content)


def _random() -> Iterator[tuple[str, bytes]]:
    for fmt in FORMATS:
        rng = random.Random(f"random {fmt}")
        for number in range(2):
            yield f"random bytes after the head of {fmt} {number}", sound(fmt)[:16] + rng.randbytes(5000)


def _strangers() -> Iterator[tuple[str, bytes]]:
    """Files of other kinds, and of none."""
    heads = {
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "SVG after an XML head": b'<?xml version="1.0"?><svg width="1e9" height="1e9"/>',
        "SVG after blanks": b"\xef\xbb\xbf \r\n\t<SVG/>",
        "SVG with entities": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "HTML in capitals": b"<HTML><BODY>404</BODY></HTML>",
        "HTML after blanks": b"\n\n  <html></html>",
        "PDF": b"%PDF-1.7\n1 0 obj",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file",
        "EPS with a binary head": b"\xc5\xd0\xd3\xc6" + bytes(60),
        "PSD": b"8BPS\x00\x01" + bytes(60),
        "WebM": b"\x1aE\xdf\xa3" + bytes(60),
        "ZIP": b"PK\x03\x04" + bytes(60),
        "gzip": b"\x1f\x8b\x08" + bytes(60),
        "JPEG XL": b"\xff\x0a" + bytes(60),
        "JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60),
        "an icon": b"\x00\x00\x01\x00\x01\x00" + bytes(60),
        "a portable pixmap": b"P6 9 9 255\n" + bytes(243),
        "an X bitmap": b"#define a_width 9\n#define a_height 9\nstatic char a[] = {0};",
        "a PCX": b"\x0a\x05\x01\x08" + bytes(124),
        "a film of FLI": b"\x80\x00\x00\x00\x11\xaf" + bytes(122),
        "a program": b"\x7fELF\x02\x01\x01" + bytes(60),
        "a script": b"#!/bin/sh\nid\n",
        "JSON": b'{"error": "not found"}',
        "nothing": b"",
        "one byte": b"\x00",
        "NULs": bytes(4096),
        "many NULs": bytes(2_000_000),
        "blanks": b" " * 4096,
        "text": "一只猫".encode() * 100,
        "the magic of PNG alone": PNG_MAGIC,
        "the magic of JPEG alone": b"\xff\xd8\xff",
        "the magic of GIF alone": b"GIF89a",
        "the magic of WebP alone": b"RIFF\x10\x00\x00\x00WEBP",
        "a RIFF that is a sound": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(60),
        "a PNG after a blank": b" " + sound("PNG"),
        "a PNG under the magic of JPEG": b"\xff\xd8\xff\xe0" + sound("PNG")[4:],
        "a JPEG under the magic of PNG": PNG_MAGIC + sound("JPEG"),
        "more bytes than are taken": PNG_MAGIC + bytes(25 * 1024 * 1024),
    }
    yield from heads.items()
    for brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"isom", b"qt  "):
        yield (
            f"a box file of {brand.decode()}",
            b"\x00\x00\x00\x18ftyp" + brand + bytes(4) + brand + bytes(60),
        )


# -- PNG -------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes, *, crc: int | None = None) -> bytes:
    """One chunk of a PNG, with its own checksum or a given one."""
    sum_ = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", sum_)


def png(
    width: int, height: int, *between: bytes, depth: int = 8, colour: int = 2, data: bytes = b""
) -> bytes:
    """A PNG that claims a size, with additional chunks between header and pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = data or zlib.compress(bytes(4096))
    return PNG_MAGIC + chunk(b"IHDR", head) + b"".join(between) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _pngs() -> Iterator[tuple[str, bytes]]:
    for width, height in (
        (50_000, 50_000),
        (2**31 - 1, 1),
        (1, 2**31 - 1),
        (2**31 - 1, 2**31 - 1),
        (6400, 6400),
    ):
        yield f"PNG that claims {width} x {height}", png(width, height)
    yield "PNG of no width", png(0, 10)
    yield "PNG of no height", png(10, 0)
    yield "PNG with far more pixels than it claims", png(10, 10, data=_noughts())
    yield "PNG whose pixels are missing", png(6000, 6000)
    text = _noughts()
    yield "PNG with a bomb of text", png(10, 10, chunk(b"zTXt", b"a\x00\x00" + text))
    yield (
        "PNG with a bomb of international text",
        png(10, 10, chunk(b"iTXt", b"a\x00\x01\x00\x00\x00" + text)),
    )
    yield "PNG with a bomb of a profile", png(10, 10, chunk(b"iCCP", b"a\x00\x00" + text))
    yield "PNG with ten thousand texts", png(10, 10, *[chunk(b"tEXt", b"a\x00" + b"b" * 50)] * 10_000)
    yield "PNG without a head", PNG_MAGIC + chunk(b"IDAT", zlib.compress(bytes(400))) + chunk(b"IEND", b"")
    yield (
        "PNG with two heads",
        png(10, 10, chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0))),
    )
    yield (
        "PNG with a wrong checksum",
        PNG_MAGIC + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0), crc=1),
    )
    yield (
        "PNG with a chunk that is longer than the file",
        PNG_MAGIC + struct.pack(">I", 2**31 - 1) + b"IHDR" + bytes(20),
    )
    yield "PNG of three bits", png(10, 10, depth=3)
    yield "PNG of an unknown colour", png(10, 10, colour=5)
    yield "PNG with a palette that is missing", png(10, 10, colour=3)
    yield "PNG that is not compressed", png(10, 10, data=bytes(400))
    yield "PNG that claims a million frames", png(10, 10, chunk(b"acTL", struct.pack(">II", 1_000_000, 0)))
    yield "PNG with an absurd EXIF", png(10, 10, chunk(b"eXIf", b"II*\x00" + b"\xff" * 5000))


# -- JPEG ------------------------------------------------------------------------------------------------------


def _jpegs() -> Iterator[tuple[str, bytes]]:
    whole = sound("JPEG")
    at = whole.index(b"\xff\xc0") + 5
    for height, width in ((65535, 65535), (0, 40), (30, 0), (65535, 1)):
        yield (
            f"JPEG that claims {width} x {height}",
            whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :],
        )
    yield "JPEG of no component", whole[: at + 4] + b"\x00" + whole[at + 5 :]
    yield "JPEG of a hundred components", whole[: at + 4] + b"\x64" + whole[at + 5 :]
    yield "JPEG without a scan", whole[: whole.index(b"\xff\xda")] + b"\xff\xd9"
    yield "JPEG whose tables are gone", whole.replace(b"\xff\xc4", b"\xff\xfe")
    yield "JPEG with an endless head", b"\xff\xd8" + b"\xff\xe1\xff\xff" + bytes(100)
    yield "JPEG of markers alone", b"\xff\xd8" + b"\xff\xd0" * 50_000
    broken = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + b"\xff" * 200
    yield "JPEG with a broken EXIF", _with_segment(whole, 0xE1, broken)
    loop = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    yield "JPEG with an EXIF that leads to itself", _with_segment(whole, 0xE1, loop)
    turned = b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<HHHII", 1, 0x0112, 3, 1, 99) + bytes(4)
    yield "JPEG turned by 99", _with_segment(whole, 0xE1, turned)
    progressive = sound("JPEG", progressive=True)
    first = progressive.index(b"\xff\xda")
    yield "JPEG of a thousand scans", progressive[:-2] + progressive[first:-2] * 1000 + b"\xff\xd9"


def _with_segment(whole: bytes, marker: int, body: bytes) -> bytes:
    return whole[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + whole[2:]


# -- GIF, BMP, WebP, AVIF --------------------------------------------------------------------------------------


def gif(width: int, height: int, frames: int, *, side: int = 1) -> bytes:
    """A GIF with a canvas and as many frames of `side` by `side`."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame * frames + b";"


def _gifs() -> Iterator[tuple[str, bytes]]:
    yield "GIF with a canvas of 65535 x 65535", gif(65535, 65535, 1)
    yield "GIF of ten thousand frames", gif(40, 30, 10_000)
    yield "GIF of many frames on a large canvas", gif(6000, 6000, 200)
    yield "GIF of no frame", gif(40, 30, 0)
    yield "GIF of no size", gif(0, 0, 1)
    yield "GIF whose frame is larger than its canvas", gif(4, 4, 1, side=65535)
    yield (
        "GIF with endless extensions",
        gif(4, 4, 0)[:-1] + b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00" * 20_000,
    )
    yield "GIF with a code size of 255", gif(40, 30, 1).replace(b"\x02\x02\x44", b"\xff\x02\x44")


def _bmps() -> Iterator[tuple[str, bytes]]:
    whole = sound("BMP")
    for width, height in ((2**31 - 1, 2**31 - 1), (100_000, 100_000), (-40, 30), (40, -(2**31)), (0, 0)):
        yield (
            f"BMP that claims {width} x {height}",
            whole[:18] + struct.pack("<ii", width, height) + whole[26:],
        )
    yield "BMP of seven bits", whole[:28] + struct.pack("<H", 7) + whole[30:]
    yield "BMP of an unknown compression", whole[:30] + struct.pack("<I", 77) + whole[34:]
    yield "BMP whose pixels begin behind its end", whole[:10] + struct.pack("<I", 2**31) + whole[14:]
    yield "BMP with an endless head", whole[:14] + struct.pack("<I", 2**31) + whole[18:]
    runs = (
        whole[:18] + struct.pack("<iiHHI", 6000, 6000, 1, 8, 1) + whole[34:54] + bytes(1024) + b"\xff\x01" * 9
    )
    yield "BMP of runs that end early", runs


def _webps() -> Iterator[tuple[str, bytes]]:
    whole = sound("WEBP")
    canvas = b"RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00" + b"\xff" * 6
    yield "WebP with a canvas of 16777216 x 16777216", canvas + bytes(60)
    yield (
        "WebP with a lossless head of 16384 x 16384",
        b"RIFF\x20\x00\x00\x00WEBPVP8L\x10\x00\x00\x00\x2f" + b"\xff" * 30,
    )
    yield "WebP that is longer than it says", whole + bytes(100_000)
    yield "WebP that says it is larger", whole[:4] + struct.pack("<I", 2**31) + whole[8:]
    out = io.BytesIO()
    frames = [Image.new("RGB", (400, 400), (k % 256, 0, 0)) for k in range(150)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], method=0)
    yield "WebP of 150 frames", out.getvalue()


def _avifs() -> Iterator[tuple[str, bytes]]:
    whole = sound("AVIF")
    at = whole.index(b"ispe") + 8
    for width, height in ((65536, 65536), (2**31 - 1, 2**31 - 1), (0, 0)):
        yield (
            f"AVIF that claims {width} x {height}",
            whole[:at] + struct.pack(">II", width, height) + whole[at + 8 :],
        )
    yield "AVIF of a head alone", b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"
    yield "AVIF with an endless box", whole[:32] + b"\x7f\xff\xff\xff" + whole[36:]


# -- TIFF ------------------------------------------------------------------------------------------------------


def tiff(tags: dict[int, tuple[int, int, int]], *, following: int = 0, rest: bytes = b"") -> bytes:
    """A TIFF of one directory; `tags`: type, count and value or offset of each."""
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    return (
        b"II*\x00\x08\x00\x00\x00"
        + struct.pack("<H", len(tags))
        + entries
        + struct.pack("<I", following)
        + rest
    )


def _tags(width: int, height: int, **more: int) -> dict[int, tuple[int, int, int]]:
    names = {"compression": 259, "offset": 273, "samples": 277, "rows": 278, "bytes": 279, "bits": 258}
    values = {"compression": 1, "offset": 8, "samples": 1, "rows": height, "bytes": 64, "bits": 8, **more}
    found = {256: (4, 1, width), 257: (4, 1, height), 262: (3, 1, 1)}
    return {**found, **{names[name]: (4, 1, value) for name, value in values.items()}}


def _tiffs() -> Iterator[tuple[str, bytes]]:
    for width, height in ((2**31, 2**31), (100_000, 100_000), (0, 0), (40, 2**32 - 1)):
        yield f"TIFF that claims {width} x {height}", tiff(_tags(width, height))
    yield "TIFF whose directory follows itself", tiff(_tags(8, 8), following=8)
    yield "TIFF whose directory lies behind its end", b"II*\x00" + struct.pack("<I", 2**31)
    yield "TIFF whose strips lie behind its end", tiff(_tags(800, 800, offset=2**31))
    yield "TIFF of a thousand samples", tiff(_tags(8, 8, samples=1000))
    yield "TIFF of 77 bits", tiff(_tags(8, 8, bits=77))
    yield "TIFF of an unknown compression", tiff(_tags(8, 8, compression=31337))
    yield "TIFF with two thousand million offsets", tiff({**_tags(8, 8), 273: (4, 2**31 - 1, 8)})
    yield "TIFF with a tag of an unknown type", tiff({**_tags(8, 8), 270: (99, 2**31, 8)})
    bomb = _noughts()
    packed = _tags(6000, 6000, compression=8, offset=200, bytes=len(bomb))
    yield "TIFF of few bytes and many pixels", tiff(packed).ljust(200, b"\x00") + bomb
    yield "big TIFF that is none", b"II+\x00\x08\x00\x00\x00" + b"\xff" * 64
    yield "TIFF with a chain of three thousand directories", _chain(3000)


def _chain(count: int) -> bytes:
    """A chain of directories over the same pixels."""
    size = len(tiff(_tags(8, 8))) - 8
    parts = [tiff(_tags(8, 8), following=8 + size * (k + 1) if k + 1 < count else 0) for k in range(count)]
    return parts[0][:8] + b"".join(part[8:] for part in parts) + bytes(64)
