"""Probing job inside the sandbox: a file's type, size, thumbnails, colour and hashes. Plain Python, no Django."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path
from typing import Any

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from predictions.files import phash
from predictions.files.image_formats import MAX_PIXELS, TYPES

PLUGINS = (PngImagePlugin, JpegImagePlugin, WebPImagePlugin, GifImagePlugin, AvifImagePlugin)
"""Named here so that they are imported before the fork, and no other decoder of Pillow's is."""
SIDES = {"medium": 640, "small": 320}
"""Longest side of each thumbnail in pixels, the larger first: the smaller is made from it."""
_QUARTER_TURNS = (5, 6, 7, 8)
_GIF_PICTURE, _GIF_END = 0x2C, 0x3B
_ORIENTATION = 0x0112
_PICTURES_IN_BOXES = (b"avif", b"avis")
_READ_TWICE = 200_000_000
"""Total pixels up to which an animation is decoded to its middle."""
_MOST_FRAMES = 10_000
"""Frames up to which it is; they may be so small that a file holds millions of them."""


class _TooManyPixels(Exception):
    """It is not decoded at all."""


def probe(job: dict[str, Any]) -> dict[str, Any]:
    """Probe `file` and write thumbnails into `folder`: type, size after rotation, thumbnails, colour, blur, hashes."""
    try:
        return _look(Path(job["file"]), Path(job["folder"]))
    except _TooManyPixels as error:
        return {"error": str(error), "too_large": True}
    except MemoryError:
        return {"error": "needs too much memory to be read", "unseen": True}
    except Exception as error:  # a decoder may raise anything at all on a broken file
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def warm_up() -> None:
    """Do once before forking what every child would repeat: Pillow initialises its codecs on first use."""
    for form in ("PNG", "JPEG", "WEBP"):
        file = io.BytesIO()
        Image.new("RGB", (2, 2)).save(file, form)
        file.seek(0)
        with Image.open(file, formats=list(TYPES)) as picture:
            picture.load()


def _look(path: Path, folder: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp" and head[8:12] not in _PICTURES_IN_BOXES:
        return {"content_type": "video/mp4", **_video(path, folder)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=list(TYPES)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise _TooManyPixels(f"{width} x {height} pixels")
            content_type = TYPES[str(picture.format)]
            # `draft` decodes a JPEG at half its size or less where that is enough for the thumbnails; all
            # of it is still read.
            picture.draft("RGB", (SIDES["medium"], SIDES["medium"]))
            picture.load()
            orientation = picture.getexif().get(_ORIENTATION, 1)
            if orientation in _QUARTER_TURNS:
                width, height = height, width
            # `exif_transpose` copies the whole image even where there is nothing to rotate.
            upright = ImageOps.exif_transpose(picture) if orientation != 1 else picture
            plain = _plain(upright)
            result = _thumbnails(plain, folder)
            result["phashes"] = [*_opaque_hashes(plain), *result["phashes"], *_middle_hashes(picture, path)]
    return {"content_type": content_type, "width": width, "height": height, **result}


def _opaque_hashes(plain: Image.Image) -> list[str]:
    """The hash of a transparent image without its alpha channel: whoever has the file may drop that."""
    return _hashes(plain.convert("L")) if plain.mode == "RGBA" else []


def _middle_hashes(picture: Image.Image, path: Path) -> list[str]:
    """The hash of an animation's middle frame; the first often shows nothing yet."""
    # Pillow decodes a GIF to its end to count frames; for other formats it trusts their headers.
    is_gif = picture.format == "GIF"
    frames = frames_of_gif(path.read_bytes(), _MOST_FRAMES + 1) if is_gif else getattr(picture, "n_frames", 1)
    pixels = frames * picture.width * picture.height
    if not 1 < frames <= _MOST_FRAMES or pixels > _READ_TWICE:
        return []
    picture.seek(frames // 2)
    return _hashes(_plain(picture.copy()))


def frames_of_gif(data: bytes, most: int) -> int:
    """Number of frames in a GIF, counted up to `most`, or to where the file is truncated."""
    frames = 0
    try:
        place = 13 + _table(data[10])
        while frames < most and data[place] != _GIF_END:
            if data[place] == _GIF_PICTURE:
                frames += 1
                place += 10 + _table(data[place + 9]) + 1
            else:
                place += 2
            while data[place]:
                place += 1 + data[place]
            place += 1
    except IndexError:
        pass
    return frames


def _table(packed: int) -> int:
    """Bytes of a GIF colour table, by its packed header field."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _hashes(picture: Image.Image) -> list[str]:
    """Its hash as a list; empty for an image of a single colour."""
    phash_ = phash.compute(picture)
    return [phash_] if phash_ else []


def _plain(plain: Image.Image) -> Image.Image:
    """The image as RGB, or RGBA where any of it is transparent, without metadata."""
    if plain.mode.startswith("I"):  # sixteen bits a pixel
        plain = plain.convert("I").point(lambda value: value / 256).convert("L")
    if plain.has_transparency_data:
        plain = plain.convert("RGBA")
        lowest = plain.getchannel("A").getextrema()[0]
        plain = plain if lowest != 255 else plain.convert("RGB")
    elif plain.mode != "RGB":
        plain = plain.convert("RGB")
    # Comments, prompts and locations stay in the file itself: a thumbnail may be public where that is not.
    plain.info = {}
    return plain


def _video(path: Path, folder: Path) -> dict[str, Any]:
    """Size, poster and placeholder from a video's first frame; empty where no decoder here reads it."""
    import cv2

    cv2.setNumThreads(1)
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        width, height = (
            int(video.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if not 0 < width * height <= MAX_PIXELS:
            return {}
        has_frame, frame = video.read()
        middle = _middle_frame(video) if has_frame else None
    finally:
        video.release()
    if not has_frame or frame is None:
        return {}
    # A frame is rotated as the camera was held, so its sides may be swapped.
    height, width = frame.shape[:2]
    poster = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    result = _thumbnails(poster, folder)
    if middle is not None:
        result["phashes"] += _hashes(Image.fromarray(cv2.cvtColor(middle, cv2.COLOR_BGR2RGB)))
    return {"width": width, "height": height, **result}


def _middle_frame(video: Any) -> Any:
    """The middle frame of a video; None where it cannot be decoded."""
    import cv2

    frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    if frames < 2 or not video.set(cv2.CAP_PROP_POS_FRAMES, frames // 2):
        return None
    has_frame, frame = video.read()
    return frame if has_frame else None


def _thumbnails(picture: Image.Image, folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, side in SIDES.items():
        picture = _fitted(picture, side)
        result[name] = _saved(picture, folder / name)
    placeholder = _placeholder(picture.convert("RGB"))
    result["phashes"] = _hashes(picture)
    # What lies behind transparent pixels shows through, so a blur would stay visible through the loaded
    # image.
    return {**result, **placeholder, "blur": "" if picture.mode == "RGBA" else placeholder["blur"]}


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    factor = side / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)


def _saved(picture: Image.Image, path: Path) -> dict[str, Any]:
    """Save as JPEG, or as WebP where there is transparency.

    Fast WebP looks no better than JPEG at about the same size, and takes ten times as long to encode.
    """
    if picture.mode == "RGB":
        path = path.with_suffix(".jpg")
        picture.save(path, "JPEG", quality=77)
    else:
        path = path.with_suffix(".webp")
        picture.save(path, "WEBP", quality=80, method=1)
    return {"path": path.name, "width": picture.width, "height": picture.height}


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
