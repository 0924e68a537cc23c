"""A progress bar as lines of text, in the format that clients of these models already parse.

One bar is at most 20 lines, from `0%` to `100%`, counted in the steps that the request names. Which lines appear
depends only on the fractions reported, never on the clock, so that a repeated run prints the same lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_LINES = 20
WIDTH = 10


class Bar:
    """Writes bar lines from fractions of the work. Decreasing fractions are ignored."""

    def __init__(
        self, total: int, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._write = write
        self._clock = clock
        self._began = clock()
        self._shown = 0
        # The 0 % and the 100 % line are always printed; the others share the rest.
        self._stride = max(1, -(-total // (MAX_LINES - 1)))
        self._print(0)

    def at(self, fraction: float) -> None:
        """Report the share of the work that is done; 1.0 prints the last line."""
        count = min(self._total, int(fraction * self._total + 1e-9))
        if count <= self._shown:
            return
        if count == self._total or count // self._stride > self._shown // self._stride:
            self._print(count)

    def _print(self, count: int) -> None:
        self._shown = count
        share = count / self._total
        elapsed = self._clock() - self._began
        blocks = "█" * int(share * WIDTH)
        times = f"{_clock_text(elapsed)}<?, ?it/s"
        if count:
            rate = count / max(elapsed, 1e-6)
            times = f"{_clock_text(elapsed)}<{_clock_text((self._total - count) / rate)}, {rate:5.2f}it/s"
        self._write(f"{int(share * 100):3d}%|{blocks:<{WIDTH}}| {count}/{self._total} [{times}]")


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
