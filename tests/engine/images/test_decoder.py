"""The decoder: untrusted pictures are decoded upright, or refused with one plain sentence."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.image_header import MAX_BYTES
from engine.images.decoder import MAX_SIDE, NOTE_OF_FRAMES, decode
from engine.protocol.job_output import Refusal


def saved(image: Image.Image, fmt: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    """Red increases to the right, green downwards, so that every rotation and reflection is visible."""
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([red, green, np.full_like(red, 80)], axis=2).astype(np.uint8))


def mean_error(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other, np.float32)).mean())


def refusal(data: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        decode(data)
    return str(caught.value)


def png_claiming(width: int, height: int) -> bytes:
    """A valid PNG header of that size with almost no pixel data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(4096))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_it_reads_every_format_it_promises(fmt: str) -> None:
    decoded = decode(saved(gradient(), fmt))
    assert (decoded.image.mode, decoded.image.size) == ("RGB", (60, 40))
    assert mean_error(decoded.image, gradient()) < 14


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_turns_a_photo_the_way_the_camera_was_held(orientation: int) -> None:
    # Storing the inverse turn beside its tag must give the original back.
    stored = gradient()
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    turns = list(Image.Transpose)
    if orientation in inverse:
        stored = stored.transpose(turns[inverse[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(saved(stored, "PNG", exif=exif))
    assert decoded.original_size == decoded.image.size == (60, 40)
    assert mean_error(decoded.image, gradient()) == 0


def test_it_turns_cmyk_into_rgb() -> None:
    decoded = decode(saved(gradient().convert("CMYK"), "JPEG", quality=95))
    assert decoded.image.mode == "RGB"
    assert mean_error(decoded.image, gradient()) < 12


@pytest.mark.parametrize("fmt", ["PNG", "TIFF"])
def test_it_scales_sixteen_bit_grey_instead_of_clipping_it(fmt: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (8, 1))
    levels = np.asarray(decode(saved(Image.fromarray(ramp), fmt)).image)[0, :, 0]
    assert levels[0] == 0 and levels[-1] == 255
    assert abs(int(levels[32]) - 129) <= 2


def test_it_scales_floats_and_survives_values_that_are_no_numbers() -> None:
    values = np.tile(np.linspace(0, 1, 64).astype(np.float32), (8, 1))
    values[3, 3] = np.nan
    levels = np.asarray(decode(saved(Image.fromarray(values), "TIFF")).image)[0, :, 0]
    assert levels[0] == 0 and levels[-1] == 255


def test_it_takes_the_first_frame_of_an_animation_and_says_so() -> None:
    first = gradient()
    others = [Image.new("RGB", (60, 40), colour) for colour in ("blue", "red")]
    data = saved(first, "GIF", save_all=True, append_images=others)
    decoded = decode(data)
    assert mean_error(decoded.image, first) < 14
    assert decoded.notes == (NOTE_OF_FRAMES,)


def test_it_keeps_the_transparency_of_a_palette() -> None:
    picture = gradient().quantize(16)
    data = saved(picture, "PNG", transparency=0)
    assert decode(data).image.mode == "RGBA"
    assert decode(saved(picture, "PNG")).image.mode == "RGB"


def test_it_keeps_the_transparency_of_grey() -> None:
    picture = Image.new("LA", (20, 20), (200, 90))
    assert decode(saved(picture, "PNG")).image.getpixel((5, 5)) == (200, 200, 200, 90)


def test_it_drops_an_alpha_that_hides_nothing() -> None:
    assert decode(saved(gradient().convert("RGBA"), "PNG")).image.mode == "RGB"


def test_it_reads_one_bit_a_pixel() -> None:
    picture = Image.new("1", (17, 9), 1)
    assert decode(saved(picture, "PNG")).image.getpixel((16, 8)) == (255, 255, 255)


def test_it_reads_a_single_pixel() -> None:
    assert decode(saved(Image.new("RGB", (1, 1), "red"), "PNG")).image.getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("size", [(3000, 30), (30, 3000), (4200, 2600)])
def test_it_reduces_the_longest_side(size: tuple[int, int]) -> None:
    decoded = decode(saved(Image.new("RGB", size, "teal"), "JPEG"))
    assert max(decoded.image.size) == MAX_SIDE
    assert decoded.original_size == size


def test_it_keeps_colours_beside_transparency_when_it_reduces() -> None:
    picture = Image.new("RGBA", (4200, 64), (255, 0, 0, 255))
    picture.paste((0, 255, 0, 0), (0, 0, 2100, 64))
    reduced = decode(saved(picture, "PNG")).image
    assert (reduced.mode, reduced.width) == ("RGBA", MAX_SIDE)
    shown = np.asarray(reduced).reshape(-1, 4)
    assert shown[shown[:, 3] > 20][:, 1].max() <= 4  # no green leaks out of what was invisible


def test_it_refuses_a_bomb_by_its_header() -> None:
    text = refusal(png_claiming(50_000, 50_000))
    assert "too large" in text and "40 million pixels" in text


def test_it_refuses_a_picture_just_over_the_limit_by_its_size() -> None:
    assert refusal(png_claiming(8_000, 5_001)).startswith("The picture of 8000 x 5001 pixels is too large")


def test_it_refuses_too_many_bytes_before_reading_them() -> None:
    assert refusal(bytes(MAX_BYTES + 1)) == "The file is larger than 25 MB; send a smaller picture instead."


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "SVG"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "EPS"),
        (b"8BPS\x00\x01", "PSD"),
        (b"<!DOCTYPE html><title>no</title>", "HTML"),
    ],
)
def test_it_names_what_it_refuses_and_what_to_send_instead(data: bytes, kind: str) -> None:
    assert refusal(data) == f"{kind} files cannot be read here; send a PNG, JPEG or WebP picture instead."


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_it_refuses_a_picture_that_is_cut_short(fmt: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    data = saved(Image.fromarray(noise), fmt)
    assert refusal(data[: int(len(data) * share)]).endswith("send a PNG, JPEG or WebP picture instead.")


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\x00"])
def test_it_refuses_what_is_no_picture_in_one_sentence(data: bytes) -> None:
    text = refusal(data)
    assert text.endswith("send a PNG, JPEG or WebP picture instead.") and text.count(".") == 1


def test_it_survives_a_thousand_damaged_files() -> None:
    rng = np.random.default_rng(7)
    sources = [saved(gradient(), fmt) for fmt in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")]
    for turn in range(1000):
        data = bytearray(sources[turn % len(sources)])
        for position in rng.integers(0, len(data), 4):
            data[position] = rng.integers(0, 256)
        try:
            decoded = decode(bytes(data))
        except Refusal:
            continue
        assert decoded.image.mode in ("RGB", "RGBA") and max(decoded.image.size) <= MAX_SIDE
