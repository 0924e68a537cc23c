"""GIF writer, frame by frame: one palette for the whole animation, and of each frame only the pixels that changed.

Only the previous frame is kept, so an animation of thousands of frames takes no more memory than one image.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from PIL import GifImagePlugin, Image

from engine.images.arrays import Pixels
from engine.images.encoder import Label, xmp_packet
from engine.protocol.job_output import Refusal

COLOURS = 255
"""The last of the 256 palette entries is transparent: "as before"."""
MAX_BYTES = 150 * 1024**2
"""Bytes of a file; a larger one is refused while writing, since it could not be stored."""


def hundredths(fps: int) -> int:
    """Duration of a frame in hundredths of a second, GIF's only unit."""
    return max(1, round(100 / fps))


def palette_of(samples: list[Pixels]) -> Image.Image:
    """A palette image for an animation, from sample frames (uint8 H x W x 3)."""
    small = [
        np.asarray(Image.fromarray(frame).resize((128, 128), Image.Resampling.BILINEAR)) for frame in samples
    ]
    return Image.fromarray(np.vstack(small)).quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=1)


class GifWriter:
    """Context manager that writes one endlessly looping animation to `path`.

    It removes the file where an exception leaves the block.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: int, palette: Image.Image, label: Label
    ) -> None:
        self._path, self._size, self._delay = path, (width, height), hundredths(fps)
        self._palette = palette
        self._before: Pixels | None = None
        self._file: IO[bytes] = path.open("wb")
        self._file.write(_head(width, height, palette))
        self._file.write(_loop() + _comment(label) + _xmp(label))

    def __enter__(self) -> GifWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._file.write(b";")
        self._file.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)

    def add(self, frame: Pixels) -> None:
        """Append one frame, uint8 H x W x 3 sRGB."""
        if frame.shape != (self._size[1], self._size[0], 3) or frame.dtype != np.uint8:
            raise ValueError(f"a frame of {self._size} cannot be {frame.shape} {frame.dtype}")
        found = Image.fromarray(frame).quantize(palette=self._palette, dither=Image.Dither.NONE)
        now = np.asarray(found, np.uint8)
        piece, at = _changed(self._before, now)
        image = Image.fromarray(piece, "P")
        image.putpalette(b"")
        for data in GifImagePlugin.getdata(
            image, at, duration=10 * self._delay, transparency=COLOURS, disposal=1, include_color_table=False
        ):
            self._file.write(data)
        self._before = now
        if self._file.tell() > MAX_BYTES:
            raise Refusal(
                f"The GIF grew larger than {MAX_BYTES // 1024**2} MB; ask for mp4, fewer frames or a smaller size."
            )


def _changed(before: Pixels | None, now: Pixels) -> tuple[Pixels, tuple[int, int]]:
    """The part of the frame that differs from the one before, unchanged pixels transparent, and its left and top."""
    if before is None:
        return now, (0, 0)
    differs = before != now
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if rows.size == 0:
        return np.full((1, 1), COLOURS, np.uint8), (0, 0)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    piece = np.where(differs, now, np.uint8(COLOURS))[top:bottom, left:right]
    return np.ascontiguousarray(piece), (int(left), int(top))


def _head(width: int, height: int, palette: Image.Image) -> bytes:
    colours = bytes(palette.getpalette("RGB") or b"")[: 3 * COLOURS]
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    # A global palette of 256 entries, eight bits a colour.
    return b"GIF89a" + size + b"\xf7\x00\x00" + colours.ljust(3 * 256, b"\0")


def _loop() -> bytes:
    return b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def _comment(label: Label) -> bytes:
    text = label.comment.encode()[:255]
    return b"!\xfe" + bytes([len(text)]) + text + b"\0"


def _xmp(label: Label) -> bytes:
    """The packet is stored raw; the ramp after it leads readers of sub-blocks to its end."""
    ramp = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return b"!\xff\x0bXMP DataXMP" + xmp_packet(label) + ramp
