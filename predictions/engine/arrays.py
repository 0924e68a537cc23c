"""Type aliases of NumPy arrays: what their numbers are and how they lie."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""Bytes of sRGB: height × width × 3, or × 4 with alpha; several one after another where it is a film."""
Picture: TypeAlias = NDArray[np.float32]
"""Colours from 0 to 1, sRGB where nothing else is said: height × width × 3."""
Plane: TypeAlias = NDArray[np.float32]
"""One number for each place: height × width."""
Mask: TypeAlias = NDArray[np.bool_]
"""Which places are meant: height × width."""
