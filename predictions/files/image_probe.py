"""Probing and thumbnails, in a child process with limits: no picture is ever decoded in a worker or web process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictions.files import sandbox_client
from predictions.files.image_formats import EXTENSIONS, MAX_PIXELS

LIMITS = sandbox_client.Limits(memory=2 * 1024**3, cpu_s=20, wall_s=25.0, answer=64 * 1024)
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_HASHES = 3
_BLUR = re.compile(r"data:image/webp;base64,[A-Za-z0-9+/=]{1,4000}")
_THUMBNAILS = {".jpg": "image/jpeg", ".webp": "image/webp"}
VIDEO = "video/mp4"
UNREADABLE = "it is not a readable picture"
TOO_MANY_PIXELS = f"it has more than {MAX_PIXELS // 1_000_000} million pixels"


class NotAPicture(Exception):
    """The file cannot be read as what it says it is. The text is for people and ends a sentence.

    `detail`: what its reader said, for the log alone: it may name files of this server, or be the file's own doing.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


class NotSeen(NotAPicture):
    """It may be a picture, and could not be looked at within the limits: too slow, too large, or its reader died."""


@dataclass(frozen=True)
class Thumbnail:
    """A smaller picture made of a file, in pixels. Its path ends in the extension of its type."""

    path: Path
    content_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Look:
    """What a file is, in pixels as shown. `small` and `medium` are its thumbnails, None where there are none."""

    content_type: str
    width: int | None = None
    height: int | None = None
    small: Thumbnail | None = None
    medium: Thumbnail | None = None
    colour: str = ""
    blur: str = ""
    """A tiny picture as a data URI; none where some of it is transparent."""
    phashes: tuple[str, ...] = ()
    """What it looks like, as `predictions.files.phash` has it: of an animation its first and its middle frame, of a
    picture with transparency also its colours without it, of a picture of one colour none."""

    @property
    def phash(self) -> str:
        """The hash that is kept: of an animation the middle frame's; empty where there is none."""
        return self.phashes[-1] if self.phashes else ""


def look(path: Path, folder: Path) -> Look:
    """Look at a file; thumbnails go into `folder`. May be called from several threads at once.

    Raises NotAPicture; NotSeen among them, also where the child died of the file. OSError where no child could be had.
    """
    job = {"do": "look", "file": str(path), "folder": str(folder)}
    try:
        (found,) = sandbox_client.opened([job], LIMITS)
    except sandbox_client.TooSlow:
        raise NotSeen("it took too long to read") from None
    except sandbox_client.Stopped:
        raise NotSeen("its reader stopped unexpectedly") from None
    if "error" in found:
        detail = str(found["error"])[:300]
        if found.get("too_large"):
            raise NotSeen(TOO_MANY_PIXELS, detail)
        raise NotSeen(UNREADABLE, detail) if found.get("unseen") else NotAPicture(UNREADABLE, detail)
    try:
        return _read(found, folder)
    except (KeyError, TypeError, ValueError, OSError):
        raise NotAPicture("its reader made no sense") from None


def _read(found: dict[str, Any], folder: Path) -> Look:
    """A child's answer, believed only as far as it can be checked: the file may have taken the child over."""
    kind = found["content_type"]
    if kind == VIDEO and "width" not in found:
        return Look(kind)
    width, height = int(found["width"]), int(found["height"])
    if kind not in (*EXTENSIONS, VIDEO) or not 0 < width * height <= MAX_PIXELS:
        raise ValueError("no picture")
    if not _COLOUR.fullmatch(found["colour"]) or not (_BLUR.fullmatch(found["blur"]) or found["blur"] == ""):
        raise ValueError("no placeholder")
    phashes = tuple(found["phashes"])
    if len(phashes) > _MOST_HASHES or not all(_HASH.fullmatch(one) for one in phashes):
        raise ValueError("no hash")
    return Look(
        content_type=kind,
        width=width,
        height=height,
        small=_thumbnail(found["small"], folder, "small"),
        medium=_thumbnail(found["medium"], folder, "medium"),
        colour=found["colour"],
        blur=found["blur"],
        phashes=phashes,
    )


def _thumbnail(found: dict[str, Any], folder: Path, name: str) -> Thumbnail:
    path = folder / Path(found["path"]).name
    if path.stem != name or path.is_symlink() or not path.is_file():
        raise ValueError("no thumbnail")
    return Thumbnail(path, _THUMBNAILS[path.suffix], int(found["width"]), int(found["height"]))
