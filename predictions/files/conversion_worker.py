"""Opens pictures that strangers or providers sent, in a child of the fork server. Plain Python, no Django.

`{"do": "check", "file"}` decodes a picture whole and says what it is; `{"do": "mask", "file", "to"}` writes a PNG that
is white where the picture is transparent; `{"do": "enlarge", "data", "width", "height", "format"}` gives it at another
size (Base64 both ways).
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
TIMES = 4
"""How much larger a picture becomes where no size is asked for."""


class Unusable(Exception):
    """Why a picture cannot be used, as the end of a sentence that begins with its name."""


def _opened(source: Any) -> Image.Image:
    """The picture, decoded whole. Raises Unusable."""
    with warnings.catch_warnings():
        # Sizes that Pillow warns about are refused below.
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


def _turned(picture: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(picture)


def check(job: dict[str, Any]) -> dict[str, Any]:
    """Type, width and height as shown, and whether some pixel is transparent."""
    picture = _opened(job["file"])
    kind = TYPES[str(picture.format)]
    clear = picture.has_transparency_data and _alpha(picture).getextrema()[0] == 0
    width, height = _turned(picture).size
    return {"content_type": kind, "width": width, "height": height, "clear": clear}


def mask(job: dict[str, Any]) -> dict[str, Any]:
    """White where the picture is transparent, black where it is not."""
    picture = _turned(_opened(job["file"]))
    if not picture.has_transparency_data:
        raise Unusable("has no transparent part; what is to be painted anew has to be transparent.")
    made = ImageChops.invert(_alpha(picture))
    made.save(job["to"], "PNG", compress_level=3)
    return {"width": made.width, "height": made.height}


def enlarge(job: dict[str, Any]) -> dict[str, Any]:
    """The picture at another size (0: four times its own), as PNG, JPEG or WebP."""
    picture = _opened(io.BytesIO(base64.b64decode(job["data"]))).convert("RGB")
    width, height = job["width"] or TIMES * picture.width, job["height"] or TIMES * picture.height
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


WAYS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "check": check,
    "mask": mask,
    "enlarge": enlarge,
}
"""Each may raise Unusable."""
