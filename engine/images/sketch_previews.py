"""Previews of an unfinished image: a small sketch that comes into focus as the painting proceeds.

The painter draws the same image at any size, so a large one is drawn small first, in a tenth of its own time.
That sketch, blurred according to the remaining work, is shown until the canvas itself is complete. A small image is
ready before a sketch would help: its canvas is shown as it is.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType

import cv2
import numpy as np

from engine.images.arrays import Pixels
from engine.images.encoder import PREVIEW_SIDE, encode_preview

SKETCH_FROM = 900 * 900
"""Pixels from which on an image is sketched first: it then takes about a second, the sketch a tenth of one."""
INTERVAL_S = 0.25
"""Seconds between two previews."""
SMALLEST = 64
"""Longest side of the first preview, in pixels; the last has `PREVIEW_SIDE`."""
FINISHED = 0.88
"""Share of the work from which on the canvas is complete enough to be shown."""
_AHEAD = 0.22
"""How far the focus may run ahead of the reported progress while one painting step takes long."""


def sketch_size(width: int, height: int) -> tuple[int, int] | None:
    """Width and height of an image's sketch, in pixels; None for images too small to need one."""
    if width * height < SKETCH_FROM:
        return None
    scale = PREVIEW_SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def in_focus(sketch: Pixels, share: float) -> Pixels:
    """The sketch at this share (0 to 1) of the work: small and blurred at first, then larger and sharp."""
    left = 1.0 - min(1.0, max(0.0, share))
    longest = max(sketch.shape[:2])
    side = SMALLEST + (longest - SMALLEST) * (1 - left)
    image = sketch
    if left > 0.05:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.045 * longest * left * left + 0.3), np.uint8)
    scale = min(1.0, side / longest)
    size = (max(1, round(sketch.shape[1] * scale)), max(1, round(sketch.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


class SketchPreviews:
    """Sends previews of one image, at most every `INTERVAL_S`; a context manager entered before the painting begins.

    With a sketch, a thread keeps sharpening it, however long one step of the painter takes.
    """

    def __init__(self, send: Callable[[bytes], None], sketch: Pixels | None = None) -> None:
        """`send` gets each preview as a JPEG; it may be called from another thread."""
        self._deliver = send
        self._sketch = sketch
        self._reported = 0.0
        self._shown = 0.0
        self._last = -INTERVAL_S
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> SketchPreviews:
        if self._sketch is not None:
            self._send_sketch()
            # Where no thread can be started (memory is short), the painter's own steps send the previews.
            with contextlib.suppress(RuntimeError, MemoryError):
                self._thread = threading.Thread(target=self._tick, name="developing", daemon=True)
                self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()

    def at(self, fraction: float, canvas: Pixels | None) -> None:
        """Report the painter's progress (0 to 1); `canvas` is a small copy of the unfinished image, or None."""
        self._reported = max(self._reported, fraction)
        if self._sketch is not None and fraction < FINISHED:
            return
        if canvas is not None:
            self._sketch = None
            self._send(np.ascontiguousarray(canvas))

    def _tick(self) -> None:
        try:
            while not self._stop.wait(INTERVAL_S):
                self._send_sketch()
        except (MemoryError, cv2.error, OSError):
            # The image itself may still fit in memory; and if the pipe is closed, the painter's own steps will notice.
            return

    def _send_sketch(self) -> None:
        sketch = self._sketch
        if sketch is None:
            return
        goal = min(FINISHED, self._reported + _AHEAD)
        self._shown = max(self._reported, self._shown + 0.15 * (goal - self._shown))
        self._send(in_focus(sketch, self._shown))

    def _send(self, pixels: Pixels) -> None:
        with self._lock:
            now = time.monotonic()
            # Steps often come in bursts; one preview of each burst is enough.
            if now - self._last < 0.8 * INTERVAL_S:
                return
            self._last = now
            self._deliver(encode_preview(pixels))
