"""What a picture looks like, as 256 bits that survive resizing, recompression and a little cropping. Plain Python.

The picture is made grey, shrunk to 64 x 64 and turned into frequencies; each bit is the sign of one of the 256 lowest
that vary from left to right. Brightness, contrast and size change no sign, and a mirrored picture changes exactly the
signs of the odd ones, so that both ways round are known from one hash. How far two pictures lie apart by it, and from
which distance they are the same, is measured in docs/image-safety.md.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 64
BITS = 256
_KEPT = 16
_FLAT = 4.0
"""Standard deviation of the grey values (0 to 255) below which there is nothing to know a picture by."""


def _cosines() -> np.ndarray:
    steps = np.arange(SIDE)
    waves = np.arange(_KEPT + 1)[:, None]
    return np.cos(np.pi * waves * (2 * steps + 1) / (2 * SIDE))


_COSINES = _cosines()


def compute(picture: Image.Image) -> str:
    """The hash of a decoded picture as 64 hex digits; empty where it is of one colour, as near as can be told."""
    plain = picture
    if picture.mode in ("RGBA", "LA", "PA"):
        # What shows through is white here, whatever colour the file has where nobody sees it.
        white = Image.new("RGBA", picture.size, "white")
        plain = Image.alpha_composite(white, picture.convert("RGBA"))
    grey = np.asarray(plain.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    if float(grey.std()) < _FLAT:
        return ""
    found = _COSINES[:_KEPT] @ grey @ _COSINES[1:].T
    return np.packbits((found > 0).reshape(-1)).tobytes().hex()
