"""Decoding of untrusted images: limits on bytes, format and size, orientation, 8-bit RGB or RGBA.

Order matters: the number of bytes, then the type by the first bytes, then the size the header claims, and only then a
decoder. Every refusal is one plain sentence that says what to send instead. Meant to run in a process with limits;
nothing here should be called in a web process.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from core import image_header
from core.image_header import MAX_BYTES, MAX_PIXELS
from engine.protocol.job_output import Refusal

MAX_SIDE: Final = 2048
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""The only formats that are tried; Pillow's other forty plugins are never used."""

__all__ = ["FORMATS", "MAX_BYTES", "MAX_PIXELS", "MAX_SIDE", "Decoded", "decode"]

NOTE_OF_FRAMES: Final = "The picture has several frames; only the first was used."
SIDEWAYS: Final = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


@dataclass(frozen=True)
class Decoded:
    """A safely decoded image: RGB or RGBA, upright, its longest side within the limit."""

    image: Image.Image
    """Mode RGBA where some pixel is not opaque, otherwise RGB."""
    original_size: tuple[int, int]
    """Width and height as shown, before any reduction, in pixels."""
    notes: tuple[str, ...] = ()
    """Log lines about dropped content, such as the later frames of an animation."""


def decode(data: bytes, max_side: int = MAX_SIDE) -> Decoded:
    """Decode an image, reduced to `max_side` pixels a side where it is larger.

    Raises `Refusal` for anything that is not an image, is corrupt, or is too large.
    """
    objection = image_header.objection(data[: image_header.HEADER_BYTES], len(data))
    if objection is not None:
        raise Refusal(objection)
    try:
        # Pillow warns about sizes that are refused below anyway.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, max_side)
    except Refusal:
        raise
    except UnidentifiedImageError:
        raise Refusal(image_header.unreadable()) from None
    except Image.DecompressionBombError:
        raise Refusal(image_header.too_large(None)) from None
    except MemoryError:
        raise
    except Exception:  # a decoder may raise anything on a corrupt file
        raise Refusal(
            f"The picture is damaged or cut short; save it anew and {image_header.ADVICE}."
        ) from None


def _decode(data: bytes, max_side: int) -> Decoded:
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise Refusal(image_header.too_large((width, height)))
        notes = _note_frames(picture)
        if picture.format == "JPEG":
            # The decoder itself can subsample a big image; it never goes below the final size.
            picture.draft(None, (max_side, max_side))
        picture.load()
        if picture.getexif().get(ExifTags.Base.Orientation, 1) in SIDEWAYS:
            width, height = height, width
        ImageOps.exif_transpose(picture, in_place=True)
        plain = _plain(_eight_bits(_coarse(picture, max_side)))
    plain.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return Decoded(plain, (width, height), notes)


def _note_frames(picture: Image.Image) -> tuple[str, ...]:
    # They are not counted: in a GIF that means reading all of them, which may be millions.
    return (NOTE_OF_FRAMES,) if getattr(picture, "is_animated", False) else ()


def _coarse(picture: Image.Image, max_side: int) -> Image.Image:
    """A very large image reduced by an integer factor, before anything copies it at full size."""
    factor = max(picture.size) // max_side
    if factor < 2 or picture.mode in ("1", "P", "PA") or picture.mode.startswith("I;"):
        return picture
    return picture.reduce(factor)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float greyscale images as 8-bit grey; everything else unchanged.

    Pillow itself would clip these at 255 and return a white image.
    """
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
    peak = float(values.max(initial=0.0))
    if picture.mode == "F":
        full = 1.0 if peak <= 1.0 else 255.0 if peak <= 255.0 else peak
    else:
        full = 65535.0 if peak <= 65535.0 else peak
    return Image.fromarray(np.clip(values / full * 255.0 + 0.5, 0, 255).astype(np.uint8))


def _plain(picture: Image.Image) -> Image.Image:
    """The image as RGB, or as RGBA where some pixel is not opaque."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    whole = picture.convert("RGBA")
    lowest, _ = whole.getchannel("A").getextrema()
    return whole.convert("RGB") if lowest == 255 else whole
