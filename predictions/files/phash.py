"""Perceptual hash of an image: 256 bits that survive scaling, recompression and slight cropping. Plain Python.

The image is converted to greyscale, reduced to 64 x 64 and transformed by a DCT; each bit is the sign of one of the
256 lowest frequencies with horizontal variation. Brightness, contrast and size change no sign, and mirroring flips
exactly the signs of the odd frequencies, so one hash identifies both orientations. Distances and the threshold for a
match are measured in docs/image-safety.md.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 64
_KEPT = 16
_FLAT = 4.0
"""Standard deviation of the grey values (0 to 255) below which an image has nothing to identify it by."""


def _cosines() -> np.ndarray:
    steps = np.arange(SIDE)
    waves = np.arange(_KEPT + 1)[:, None]
    return np.cos(np.pi * waves * (2 * steps + 1) / (2 * SIDE))


_COSINES = _cosines()


def compute(picture: Image.Image) -> str:
    """The hash of a decoded image as 64 hex digits; empty for an image of (nearly) a single colour."""
    plain = picture
    if picture.mode in ("RGBA", "LA", "PA"):
        # Transparent pixels count as white, whatever colour is hidden in them.
        white = Image.new("RGBA", picture.size, "white")
        plain = Image.alpha_composite(white, picture.convert("RGBA"))
    grey = np.asarray(plain.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    if float(grey.std()) < _FLAT:
        return ""
    coefficients = _COSINES[:_KEPT] @ grey @ _COSINES[1:].T
    return np.packbits((coefficients > 0).reshape(-1)).tobytes().hex()
