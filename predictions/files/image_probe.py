"""Probing files and making thumbnails, in a sandboxed child: no image is ever decoded in a worker or web process."""

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


class UnreadableImage(Exception):
    """The file cannot be read as its claimed type. The text is for people and ends a sentence.

    `detail`: the decoder's message, for the log alone: it may name paths of this server or be controlled by the file.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


class ProbeFailed(UnreadableImage):
    """It may be an image but could not be probed within the limits: too slow, too large, or the decoder died."""


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail of a file; sizes in pixels. Its path ends in the extension of its type."""

    path: Path
    content_type: str
    width: int
    height: int


@dataclass(frozen=True)
class ProbeResult:
    """The result of probing a file. Sizes in pixels after rotation; thumbnails are None where there are none."""

    content_type: str
    width: int | None = None
    height: int | None = None
    small: Thumbnail | None = None
    medium: Thumbnail | None = None
    colour: str = ""
    blur: str = ""
    """A tiny image as a data URI, shown while loading; empty where any pixel is transparent."""
    phashes: tuple[str, ...] = ()
    """Perceptual hashes by `predictions.files.phash`.

    An animation has those of its first and middle frame, a transparent image also that of its colours without alpha,
    an image of a single colour none.
    """

    @property
    def phash(self) -> str:
        """The hash that is stored: for an animation the middle frame's; empty where there is none."""
        return self.phashes[-1] if self.phashes else ""


def probe(path: Path, folder: Path) -> ProbeResult:
    """Probe a file; thumbnails are written into `folder`. Thread-safe.

    Raises UnreadableImage, or its subclass ProbeFailed, also where the child died of the file; OSError where no child
    could be started.
    """
    job = {"do": "look", "file": str(path), "folder": str(folder)}
    try:
        (answer,) = sandbox_client.run_jobs([job], LIMITS)
    except sandbox_client.TooSlow:
        raise ProbeFailed("it took too long to read") from None
    except sandbox_client.Stopped:
        raise ProbeFailed("its reader stopped unexpectedly") from None
    if "error" in answer:
        detail = str(answer["error"])[:300]
        if answer.get("too_large"):
            raise ProbeFailed(TOO_MANY_PIXELS, detail)
        raise ProbeFailed(UNREADABLE, detail) if answer.get("unseen") else UnreadableImage(UNREADABLE, detail)
    try:
        return _validated(answer, folder)
    except (KeyError, TypeError, ValueError, OSError):
        raise UnreadableImage("its reader made no sense") from None


def _validated(answer: dict[str, Any], folder: Path) -> ProbeResult:
    """Validate a child's answer: the file may have taken the child over."""
    content_type = answer["content_type"]
    if content_type == VIDEO and "width" not in answer:
        return ProbeResult(content_type)
    width, height = int(answer["width"]), int(answer["height"])
    if content_type not in (*EXTENSIONS, VIDEO) or not 0 < width * height <= MAX_PIXELS:
        raise ValueError("no picture")
    if not _COLOUR.fullmatch(answer["colour"]) or not (
        _BLUR.fullmatch(answer["blur"]) or answer["blur"] == ""
    ):
        raise ValueError("no placeholder")
    phashes = tuple(answer["phashes"])
    if len(phashes) > _MOST_HASHES or not all(_HASH.fullmatch(phash) for phash in phashes):
        raise ValueError("no hash")
    return ProbeResult(
        content_type=content_type,
        width=width,
        height=height,
        small=_thumbnail(answer["small"], folder, "small"),
        medium=_thumbnail(answer["medium"], folder, "medium"),
        colour=answer["colour"],
        blur=answer["blur"],
        phashes=phashes,
    )


def _thumbnail(answer: dict[str, Any], folder: Path, name: str) -> Thumbnail:
    path = folder / Path(answer["path"]).name
    if path.stem != name or path.is_symlink() or not path.is_file():
        raise ValueError("no thumbnail")
    return Thumbnail(path, _THUMBNAILS[path.suffix], int(answer["width"]), int(answer["height"]))
