"""The painter's image of a prompt as a source of colours and scenery, for images of any shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine import painting
from engine.images.arrays import Pixels

MAX_ASPECT = 4
"""Maximum aspect ratio of a painting; a more extreme one is cropped from one of this ratio."""


def paint_prompt(
    request: RepaintRequest,
    negative_prompt: str,
    size: tuple[int, int],
    progress: Callable[[float, Pixels | None], None],
) -> tuple[Pixels, Pixels | None]:
    """The painting of the request's prompt at `size` (width, height), and the mask of its figures (uint8) or None.

    The painter works in perspective; a narrow strip would show one thing only, at a thousand times the cost.
    """
    width, height = size
    whole = max(width, -(-height // MAX_ASPECT)), max(height, -(-width // MAX_ASPECT))
    painted = painting.paint(
        request.prompt,
        negative_prompt=negative_prompt,
        width=whole[0],
        height=whole[1],
        seed=request.seed,
        quality=request.quality,
        guidance=request.guidance,
        progress=progress,
    )
    left, top = (whole[0] - width) // 2, (whole[1] - height) // 2
    inside = slice(top, top + height), slice(left, left + width)
    mask = painted.subject_mask
    return np.ascontiguousarray(painted.pixels[inside]), None if mask is None else mask[inside]


@dataclass(frozen=True)
class RepaintRequest:
    """The parameters of repainting an image."""

    prompt: str
    negative_prompt: str
    seed: int
    strength: float
    """0 leaves the image unchanged, 1 replaces it entirely."""
    quality: float = 1.0
    """Steps over the model's default."""
    guidance: float = 1.0
    """Guidance over the model's default."""
