"""MP4 writer: frames are piped to an ffmpeg process with a memory limit, which ends with the painter."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from engine.animation.ffmpeg_program import ffmpeg
from engine.images.arrays import Pixels
from engine.images.encoder import Label, xmp_packet
from engine.protocol.job_output import Refusal

MEMORY = 600 * 1024**2
"""Address space of an ffmpeg, in bytes."""
ENDS_WITHIN_S = 120.0
"""Seconds that ffmpeg has to finish once all frames have been sent."""
_XMP_BOX = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
"""UUID of the XMP box in an MP4 (XMP specification, part 3)."""


_COLOURS = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_inp,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
)


class VideoWriter:
    """Context manager that writes one H.264 video, `width` x `height` pixels (both even), to `path`.

    It kills ffmpeg and removes the file where an exception leaves the block.
    """

    def __init__(
        self, path: Path, width: int, height: int, fps: int, label: Label, frames: int | None = None
    ) -> None:
        """With the number of `frames` known, the last frame is a key frame too, as exact as the first."""
        if width % 2 or height % 2:
            raise ValueError(f"H.264 with halved chroma needs even sides, not {width} x {height}")
        self._path, self._shape, self._label = path, (height, width, 3), label
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed at the end of the `with`)
        self._process = subprocess.Popen(
            _command(path, (width, height), fps, label, frames),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            close_fds=True,
        )
        # It stays in the painter's process group, so that a signal to the painter ends it too.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(self._process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except BaseException:
            self._path.unlink(missing_ok=True)
            raise
        finally:
            self._end()
        if kind is not None:
            self._path.unlink(missing_ok=True)

    def add(self, frame: Pixels) -> None:
        """Append one frame, uint8 H x W x 3 sRGB. Raises `Refusal` where ffmpeg has failed."""
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"a frame of {self._shape} cannot be {frame.shape} {frame.dtype}")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except BrokenPipeError:
            self._process.wait(ENDS_WITHIN_S)
            raise Refusal(self._trouble()) from None

    def _finish(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            code = self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise Refusal("ffmpeg did not finish the MP4 in time.") from None
        if code != 0:
            raise Refusal(self._trouble())
        packet = xmp_packet(self._label)
        with self._path.open("ab") as file:
            file.write((24 + len(packet)).to_bytes(4, "big") + b"uuid" + _XMP_BOX + packet)

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()
        self._complaints.close()

    def _trouble(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read(4000).decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1][:200] if lines else f"it ended with {self._process.returncode}"
        return f"ffmpeg could not write the MP4: {reason}"


def _command(path: Path, size: tuple[int, int], fps: int, label: Label, frames: int | None) -> list[str]:
    """The ffmpeg command. Reproducible output: no time of day, no encoder name, one thread."""
    width, height = size
    last = ["-force_key_frames", f"expr:eq(n,{frames - 1})"] if frames else []
    return [
        ffmpeg(), "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "pipe:0",
        # Players assume BT.709; untagged, each would guess by the size.
        "-vf", _COLOURS, "-pix_fmt", "yuv420p",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-x264-params", "mbtree=0", "-threads", "1",
        *last,
        "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
        "-metadata", f"comment={label.comment}", "-movflags", "+faststart", "-f", "mp4", str(path),
    ]  # fmt: skip
