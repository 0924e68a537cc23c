"""Looks at one file in a child of the fork server: what it is, how large, its thumbnails. Plain Python, no Django."""

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
"""Named so that they are imported before the fork, and no other reader of Pillow's is."""
SIDES = {"medium": 640, "small": 320}
"""Longest side of each thumbnail, in pixels, the larger one first: the smaller one is made of it."""
_QUARTER_TURNS = (5, 6, 7, 8)
_GIF_PICTURE, _GIF_END = 0x2C, 0x3B
_ORIENTATION = 0x0112
_PICTURES_IN_BOXES = (b"avif", b"avis")
_READ_TWICE = 200_000_000
"""Pixels up to which an animation is read to its middle."""
_MOST_FRAMES = 10_000
"""Frames up to which it is; they may be so small that millions of them fit into a file."""


class _TooManyPixels(Exception):
    """It is not decoded at all."""


def look(job: dict[str, Any]) -> dict[str, Any]:
    """Look at `file`; thumbnails go into `folder`. Type, size as shown, thumbnails, colour, a tiny blur, hashes."""
    try:
        return _look(Path(job["file"]), Path(job["folder"]))
    except _TooManyPixels as error:
        return {"error": str(error), "too_large": True}
    except MemoryError:
        return {"error": "needs too much memory to be read", "unseen": True}
    except Exception as error:  # a decoder may raise anything at all on a broken file
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def warm_up() -> None:
    """Do once what every child would do again: Pillow prepares a reader and a writer when it is first used."""
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
        return {"content_type": "video/mp4", **_film(path, folder)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=list(TYPES)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise _TooManyPixels(f"{width} x {height} pixels")
            content_type = TYPES[str(picture.format)]
            # A JPEG is read whole too, but at a half or less where that is still enough for the thumbnails.
            picture.draft("RGB", (SIDES["medium"], SIDES["medium"]))
            picture.load()
            orientation = picture.getexif().get(_ORIENTATION, 1)
            if orientation in _QUARTER_TURNS:
                width, height = height, width
            # It copies the whole picture where there is nothing to turn, too.
            upright = ImageOps.exif_transpose(picture) if orientation != 1 else picture
            plain = _plain(upright)
            made = _thumbnails(plain, folder)
            made["phashes"] = [*_of_the_colours(plain), *made["phashes"], *_of_the_middle(picture, path)]
    return {"content_type": content_type, "width": width, "height": height, **made}


def _of_the_colours(plain: Image.Image) -> list[str]:
    """The hash of a picture of which some is transparent as it is without that: who gets the file may leave it out."""
    return _hashes(plain.convert("L")) if plain.mode == "RGBA" else []


def _of_the_middle(picture: Image.Image, path: Path) -> list[str]:
    """The hash of an animation's middle frame; the first one often shows nothing yet."""
    # Pillow walks through a GIF to its end to know; of the other kinds it reads what they say of themselves.
    is_gif = picture.format == "GIF"
    frames = frames_of_gif(path.read_bytes(), _MOST_FRAMES + 1) if is_gif else getattr(picture, "n_frames", 1)
    pixels = frames * picture.width * picture.height
    if not 1 < frames <= _MOST_FRAMES or pixels > _READ_TWICE:
        return []
    picture.seek(frames // 2)
    return _hashes(_plain(picture.copy()))


def frames_of_gif(data: bytes, most: int) -> int:
    """How many pictures a GIF holds, counted to `most` at the most, and to where it is cut short."""
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
    """Bytes of the colour table that a GIF's header tells of."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _hashes(picture: Image.Image) -> list[str]:
    """What it is known by: one hash, or none of a picture of one colour."""
    found = phash.compute(picture)
    return [found] if found else []


def _plain(plain: Image.Image) -> Image.Image:
    """The picture in RGB, or in RGBA where some of it is transparent, with nothing written into it."""
    if plain.mode.startswith("I"):  # sixteen bits a pixel
        plain = plain.convert("I").point(lambda value: value / 256).convert("L")
    if plain.has_transparency_data:
        plain = plain.convert("RGBA")
        lowest = plain.getchannel("A").getextrema()[0]
        plain = plain if lowest != 255 else plain.convert("RGB")
    elif plain.mode != "RGB":
        plain = plain.convert("RGB")
    # Comments, prompts and places stay in the file itself: a thumbnail may be shown where that is not.
    plain.info = {}
    return plain


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
        middle = _middle_of(film) if there else None
    finally:
        film.release()
    if not there or frame is None:
        return {}
    # Turned as its maker held the camera, a frame may have its sides exchanged.
    height, width = frame.shape[:2]
    poster = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    made = _thumbnails(poster, folder)
    if middle is not None:
        made["phashes"] += _hashes(Image.fromarray(cv2.cvtColor(middle, cv2.COLOR_BGR2RGB)))
    return {"width": width, "height": height, **made}


def _middle_of(film: Any) -> Any:
    """The frame in the middle of a film; None where it cannot be had."""
    import cv2

    frames = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    if frames < 2 or not film.set(cv2.CAP_PROP_POS_FRAMES, frames // 2):
        return None
    there, frame = film.read()
    return frame if there else None


def _thumbnails(picture: Image.Image, folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, side in SIDES.items():
        picture = _fitted(picture, side)
        made[name] = _saved(picture, folder / name)
    found = _placeholder(picture.convert("RGB"))
    made["phashes"] = _hashes(picture)
    # What is transparent shows what is behind it, so that a blur would be seen through the picture for good.
    return {**made, **found, "blur": "" if picture.mode == "RGBA" else found["blur"]}


def _fitted(picture: Image.Image, side: int) -> Image.Image:
    factor = side / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)


def _saved(picture: Image.Image, path: Path) -> dict[str, Any]:
    """JPEG looks as good as WebP made in haste, at a tenth of its cost and about as long; it has no transparency."""
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
