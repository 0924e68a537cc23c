"""Image conversion jobs inside the sandbox: check, mask, enlarge. Runs in a child of the fork server; no Django.

`{"do": "check", "file"}` decodes an image completely and returns its type and size; `{"do": "mask", "file", "to"}`
writes a PNG that is white where the image is transparent; `{"do": "enlarge", "data", "width", "height", "format"}`
resizes an image (Base64 both ways).
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from predictions.files.image_formats import MAX_PIXELS, TYPES

MAX_SIDE = 8192
DEFAULT_SCALE = 4
"""Factor of enlargement where no size is given."""


class Unusable(Exception):
    """Why an image cannot be used, worded as the end of a sentence that begins with its name."""


def _decode(source: Any) -> Image.Image:
    """The image, decoded completely. Raises Unusable."""
    with warnings.catch_warnings():
        # Sizes that Pillow would warn about are refused below.
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(source, formats=list(TYPES))
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise Unusable(
                    f"has {width} x {height} pixels; at most {MAX_PIXELS // 1_000_000} million are taken."
                )
            picture.load()
        except Unusable:
            raise
        except UnidentifiedImageError:
            raise Unusable("is not a PNG, JPEG, WebP, GIF or AVIF picture.") from None
        except Image.DecompressionBombError:
            raise Unusable(f"has more than {MAX_PIXELS // 1_000_000} million pixels.") from None
        except MemoryError:
            raise Unusable("needs too much memory to be read.") from None
        except Exception:  # a decoder may raise anything at all on a broken file
            raise Unusable("is damaged or cut short.") from None
    return picture


def _upright(picture: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(picture)


def check(job: dict[str, Any]) -> dict[str, Any]:
    """Type, width and height after EXIF rotation, and whether any pixel is fully transparent."""
    picture = _decode(job["file"])
    content_type = TYPES[str(picture.format)]
    is_transparent = picture.has_transparency_data and _alpha(picture).getextrema()[0] == 0
    width, height = _upright(picture).size
    return {"content_type": content_type, "width": width, "height": height, "clear": is_transparent}


def mask(job: dict[str, Any]) -> dict[str, Any]:
    """Write a mask: white where the image is transparent, black elsewhere."""
    picture = _upright(_decode(job["file"]))
    if not picture.has_transparency_data:
        raise Unusable("has no transparent part; what is to be painted anew has to be transparent.")
    mask_image = ImageChops.invert(_alpha(picture))
    mask_image.save(job["to"], "PNG", compress_level=3)
    return {"width": mask_image.width, "height": mask_image.height}


def enlarge(job: dict[str, Any]) -> dict[str, Any]:
    """The image resized (0: four times its own size), as PNG, JPEG or WebP."""
    picture = _decode(io.BytesIO(base64.b64decode(job["data"]))).convert("RGB")
    width, height = (
        job["width"] or DEFAULT_SCALE * picture.width,
        job["height"] or DEFAULT_SCALE * picture.height,
    )
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or width * height > MAX_PIXELS:
        raise Unusable("cannot be made that large.")
    out = io.BytesIO()
    options: dict[str, dict[str, Any]] = {
        "png": {"format": "PNG", "compress_level": 3},
        "jpeg": {"format": "JPEG", "quality": 85},
        "webp": {"format": "WEBP", "quality": 80, "method": 1},
    }
    picture.resize((width, height), Image.Resampling.BICUBIC).save(out, **options[job["format"]])
    return {"data": base64.b64encode(out.getvalue()).decode(), "width": width, "height": height}


def _alpha(picture: Image.Image) -> Image.Image:
    return picture.convert("RGBA").getchannel("A")


JOBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "check": check,
    "mask": mask,
    "enlarge": enlarge,
}
"""Jobs by name. Each may raise Unusable."""
