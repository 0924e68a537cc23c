"""Which ffmpeg writes the videos."""

from __future__ import annotations

import os
import shutil
from functools import cache

from predictions.engine.refusal import Refusal

CHOSEN = "IMAGEIO_FFMPEG_EXE"
"""The environment variable by which an operator names a program; the package imageio-ffmpeg reads the same."""


@cache
def ffmpeg() -> str:
    """Path of the program: the chosen one, else the one that the package brings, else the system's.

    Raises `Refusal` where there is none.
    """
    chosen = os.environ.get(CHOSEN, "").strip()
    found = chosen or _packaged() or shutil.which("ffmpeg")
    if not found:
        raise Refusal(f"No ffmpeg was found for writing MP4; the operator can name one in {CHOSEN}.")
    return found


def _packaged() -> str | None:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # not for every platform there is a wheel with a program in it
        return None
