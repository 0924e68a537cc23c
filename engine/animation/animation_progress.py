"""Progress bar and previews of an animation: one bar over all its parts."""

from __future__ import annotations

from typing import Any

from engine.images.encoder import PREVIEW_SIDE
from engine.images.sketch_previews import SketchPreviews
from engine.protocol.job_output import JobOutput
from engine.protocol.progress_bar import Bar


class AnimationProgress:
    """Progress from 0 to 1 over successive parts with their shares of the work, and previews."""

    def __init__(self, output: JobOutput, bar: Bar, previews: SketchPreviews) -> None:
        self._output, self._bar, self._previews = output, bar, previews
        self._done, self._share = 0.0, 0.0

    def part(self, share: float) -> None:
        """Start a part with this share (0 to 1) of all work; the part before it is done."""
        self._done, self._share = min(1.0, self._done + self._share), share

    def at(self, fraction: float, picture: Any = None) -> None:
        """Report the finished fraction of the current part; `picture` (uint8 RGB, any size) is its preview, or None."""
        overall = self._done + self._share * min(max(fraction, 0.0), 1.0)
        self._output.progress(min(overall, 0.999))
        self._bar.at(min(overall, 0.999))
        if picture is not None:
            step = max(1, max(picture.shape[:2]) // PREVIEW_SIDE)
            self._previews.at(fraction, picture[::step, ::step])

    def finished(self) -> None:
        """Report that everything is saved."""
        self._output.progress(1.0)
        self._bar.at(1.0)
