"""Named random streams: every use of randomness in the painter takes its own generator by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


class Streams:
    """A family of independent generators that share a layout key and a seed.

    The same key, seed and name always give the same numbers, however many other streams were used before,
    so leaving a detail out or adding one never moves the rest of the image.
    """

    def __init__(self, layout_key: str, seed: int, memory: dict[Any, Any] | None = None) -> None:
        """`layout_key` is the content of the image as words, `seed` an integer.

        `memory` is shared by the frames of one video: what does not move is computed once (`cached`).
        """
        self.layout_key = layout_key
        self.seed = int(seed)
        self.memory = memory

    def rng(self, name: str) -> np.random.Generator:
        """A new PCG64 generator for `name`; each call restarts the same sequence."""
        text = f"{self.layout_key}|{self.seed}|{name}".encode("utf-8", "surrogatepass")
        return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text).digest(), "big")))

    def child(self, name: str) -> Streams:
        """An independent family of streams below `name`, for a part that appears more than once."""
        return Streams(f"{self.layout_key}|{self.seed}|{name}", 0, self.memory)

    def cached(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """The result of `make`, cached for all frames of a video; computed on each call for a still.

        The result must not be modified. `key` holds everything that determines it, beside this family.
        """
        if self.memory is None:
            return make()
        whole = (self.layout_key, self.seed, *key)
        if whole not in self.memory:
            self.memory[whole] = make()
        found: T = self.memory[whole]
        return found
