"""The path of the ffmpeg program that writes videos."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from core.processes.fork_server.client import FFMPEG_VARIABLE
from engine.protocol.job_output import Refusal


@cache
def ffmpeg() -> str:
    """Path of the program: the configured one, else the Python package's, else the system's.

    Raises `Refusal` where there is none.
    """
    chosen = os.environ.get(FFMPEG_VARIABLE, "").strip()
    found = chosen or _packaged() or shutil.which("ffmpeg")
    if not found:
        raise Refusal(f"No ffmpeg was found for writing MP4; the operator can name one in {FFMPEG_VARIABLE}.")
    return found


def _packaged() -> str | None:
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    # The package's own search runs what it finds to test it; its wheels contain one program or none.
    folder = Path(imageio_ffmpeg.__file__).parent / "binaries"
    return next((str(path) for path in sorted(folder.glob("ffmpeg-*")) if os.access(path, os.X_OK)), None)
