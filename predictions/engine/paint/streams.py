"""Named random streams: every use of randomness in the painter asks for its own generator by name."""

from __future__ import annotations

import hashlib

import numpy as np


class Streams:
    """A family of independent generators that share a layout key and a seed.

    The same key, seed and name always give the same numbers, however many other streams were used before,
    so leaving a detail out or adding one never moves the rest of the picture.
    """

    def __init__(self, layout_key: str, seed: int) -> None:
        """Remember `layout_key` (what the picture shows, as words) and the integer `seed`."""
        self.layout_key = layout_key
        self.seed = int(seed)

    def rng(self, name: str) -> np.random.Generator:
        """Return a fresh PCG64 generator for `name`; asking twice gives the same sequence twice."""
        text = f"{self.layout_key}|{self.seed}|{name}".encode("utf-8", "surrogatepass")
        return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text).digest(), "big")))

    def child(self, name: str) -> Streams:
        """Return a family of its own below `name`, for a part that appears more than once."""
        return Streams(f"{self.layout_key}|{self.seed}|{name}", 0)
