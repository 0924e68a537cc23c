"""Decoding videos for tests: frames and properties of MP4 and GIF."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.animation.ffmpeg_program import ffmpeg

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Video:
    """`frames` uint8 N x H x W x 3; `facts` is ffmpeg's description of an MP4."""

    frames: Pixels
    facts: str

    @property
    def steps(self) -> list[float]:
        """Mean difference of each frame to the next, in levels."""
        pairs = zip(self.frames[:-1], self.frames[1:], strict=True)
        return [float(np.abs(a.astype(np.int16) - b).mean()) for a, b in pairs]

    @property
    def seconds(self) -> float:
        """How long an MP4 plays."""
        hours, minutes, seconds = re.findall(r"Duration: (\d+):(\d+):([\d.]+)", self.facts)[0]
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def mp4(path: Path) -> Video:
    """Every frame of an MP4, decoded by ffmpeg."""
    probe = subprocess.run([ffmpeg(), "-hide_banner", "-i", str(path)], capture_output=True, check=False)
    facts = probe.stderr.decode("utf-8", "replace")
    width, height = (int(side) for side in re.findall(r"Video: .*?, (\d+)x(\d+)", facts)[0])
    done = subprocess.run(
        [ffmpeg(), "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        capture_output=True,
        check=True,
    )
    return Video(np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3), facts)


def gif(path: Path) -> tuple[Video, list[int]]:
    """Every frame of a GIF as it is shown, and how long each is, in milliseconds."""
    frames, delays = [], []
    with Image.open(path) as picture:
        for index in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(index)
            frames.append(np.asarray(picture.convert("RGB")))
            delays.append(picture.info["duration"])
    return Video(np.stack(frames), ""), delays


def psnr(first: Pixels, second: Pixels) -> float:
    """Peak signal to noise ratio in decibels."""
    error = float(((first.astype(np.float64) - second) ** 2).mean())
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))
