"""Callbacks at each denoising step: cancellation, progress, previews."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from engine.protocol.job_output import JobOutput
from engine.protocol.progress_bar import Bar

PREVIEW_INTERVAL_S = 0.4
DENOISING = 0.97
"""Share of one image's work that is denoising; the rest is decoding and writing."""


class Stopped(Exception):
    """The run was canceled; raised between two steps."""


class StepCallbacks:
    """Progress of one run: `count` images of the same passes, each pass with its own number of steps.

    One bar over all of it, because clients parse the last percentage in the log and it must never fall.
    """

    def __init__(
        self,
        output: JobOutput,
        stop: Callable[[], bool],
        passes: Sequence[int],
        count: int,
        *,
        total: int | None = None,
        share: float = 1.0,
    ) -> None:
        """`passes` are the steps of each pass of one image; `stop` returns whether the run was canceled.

        `total` is the bar's total, by default the steps of one image; `share` is the images' share of all work.
        """
        self._output = output
        self._stop = stop
        self._passes = [max(1, steps) for steps in passes]
        self._count = count
        self._picture = 0
        self._pass = 0
        self._last_preview = -PREVIEW_INTERVAL_S
        self._share = share
        self._bar = Bar(total or sum(self._passes), output.log)

    def check(self) -> None:
        """Raises `Stopped` where the run was canceled."""
        if self._stop():
            raise Stopped

    def begin(self, picture: int, number: int) -> None:
        """Start pass `number` of image `picture`, both counted from 0."""
        self.check()
        self._picture, self._pass = picture, number

    def callback(self, make_preview: Callable[[Any], bytes | None] | None) -> Callable[..., dict[str, Any]]:
        """A function for `callback_on_step_end`; `make_preview` turns latents into a preview JPEG, or returns None."""

        def at_step(pipe: Any, index: int, _moment: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            self.check()
            total = max(1, int(getattr(pipe, "num_timesteps", 0) or self._passes[self._pass]))
            self._report_step((index + 1) / total)
            if make_preview is not None and index + 1 < total:
                self._send_preview(make_preview, tensors.get("latents"))
            return tensors

        return at_step

    def finished(self, picture: int) -> None:
        """Report that the file of this image is saved."""
        self._report(self._share * (picture + 1) / self._count)

    def rest(self, fraction: float) -> None:
        """Report the share (0 to 1) of the work after the last image. Raises `Stopped`."""
        self.check()
        self._report(self._share + (1 - self._share) * fraction)

    def _report_step(self, share: float) -> None:
        done = sum(self._passes[: self._pass]) + min(1.0, share) * self._passes[self._pass]
        self._report(self._share * (self._picture + DENOISING * done / sum(self._passes)) / self._count)

    def _report(self, overall: float) -> None:
        self._output.progress(overall)
        self._bar.at(overall)

    def _send_preview(self, make_preview: Callable[[Any], bytes | None], latents: Any) -> None:
        now = time.monotonic()
        if latents is None or now - self._last_preview < PREVIEW_INTERVAL_S:
            return
        self._last_preview = now
        jpeg = make_preview(latents)
        if jpeg is not None:
            self._output.preview(jpeg)
