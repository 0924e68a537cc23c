"""Looks at one file in a process of its own: what it is, how large, its thumbnails. Plain Python, no Django.

    python -m predictions.files.picture_child FILE FOLDER

prints one JSON object. The parent gives it limits; whatever a hostile file does, it does to this process alone.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from predictions.files.formats import MAX_PIXELS, TYPES

SIDES = {"small": 320, "medium": 640}


def look(path: Path, folder: Path) -> dict[str, Any]:
    """Type, size, thumbnails (WebP, longest side 320 and 640), dominant colour and a tiny blurred picture."""
    head = path.open("rb").read(16)
    if head[4:8] == b"ftyp" and head[8:12] != b"avif":
        return {"content_type": "video/mp4", **_film(path, folder)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=list(TYPES)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise ValueError("more than 40 million pixels")
            content_type = TYPES[str(picture.format)]
            made = _thumbnails(path, picture, folder, content_type)
    return {"content_type": content_type, "width": width, "height": height, **made}


def _film(path: Path, folder: Path) -> dict[str, Any]:
    """Size, poster and placeholder from a film's first frame; nothing where no decoder here reads it."""
    import cv2

    cv2.setNumThreads(1)
    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        width, height = (
            int(film.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not 0 < width * height <= MAX_PIXELS:
            return {}
        there, frame = film.read()
    finally:
        film.release()
    if not there or frame is None:
        return {}
    # Turned as its maker held the camera, a frame may have its sides exchanged.
    height, width = frame.shape[:2]
    poster = _with_pillow(Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)), folder)
    made = {"small": "small.webp", "medium": "medium.webp", **_placeholder(poster)}
    return {"width": width, "height": height, **made}


def _thumbnails(path: Path, picture: Image.Image, folder: Path, content_type: str) -> dict[str, Any]:
    try:
        medium = _with_vips(path, folder, content_type)
    except Exception:  # libvips is faster, but whatever it cannot do, Pillow does
        medium = _with_pillow(picture, folder)
    return {"small": "small.webp", "medium": "medium.webp", **_placeholder(medium)}


def _with_vips(path: Path, folder: Path, content_type: str) -> Image.Image:
    import pyvips

    # Everything that libvips can read stays shut but the formats we give out.
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in ("Png", "Jpeg", "Webp"):
        pyvips.operation_block_set(f"VipsForeignLoad{name}", False)
    if content_type not in {"image/png", "image/jpeg", "image/webp"}:
        raise ValueError("not for libvips")
    medium = pyvips.Image.thumbnail(
        str(path), SIDES["medium"], height=SIDES["medium"], size="down"
    ).copy_memory()
    medium.webpsave(str(folder / "medium.webp"), Q=80, effort=2, keep="none")
    # The small one from the medium one: the file is decoded once.
    small = medium.thumbnail_image(SIDES["small"], height=SIDES["small"], size="down")
    small.webpsave(str(folder / "small.webp"), Q=80, effort=2, keep="none")
    return Image.open(folder / "small.webp").convert("RGB")


def _with_pillow(picture: Image.Image, folder: Path) -> Image.Image:
    picture.seek(0)
    whole = ImageOps.exif_transpose(picture)
    whole = whole.convert("RGBA" if "A" in whole.getbands() or "transparency" in whole.info else "RGB")
    for name, side in SIDES.items():
        whole.thumbnail((side, side)) if name == "medium" else None
        smaller = whole.copy()
        smaller.thumbnail((side, side))
        smaller.save(folder / f"{name}.webp", quality=80, method=2)
    return whole.convert("RGB")


def _placeholder(picture: Image.Image) -> dict[str, str]:
    tiny = picture.resize(
        (12, max(1, min(24, round(12 * picture.height / picture.width)))), Image.Resampling.BOX
    )
    buffer = io.BytesIO()
    tiny.save(buffer, "WEBP", quality=30, method=0)
    average = tiny.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    red, green, blue = average if isinstance(average, tuple) else (0, 0, 0)
    return {
        "colour": f"#{int(red):02x}{int(green):02x}{int(blue):02x}",
        "blur": "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode(),
    }


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(look(Path(sys.argv[1]), Path(sys.argv[2]))))
    except Exception as error:
        sys.stdout.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:300]}))
