"""What somebody wants of a picture that they give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """What a picture shall become."""

    prompt: str
    negative_prompt: str
    seed: int
    strength: float
    """0 leaves the picture as it is, 1 leaves nothing of it."""
    quality: float = 1.0
    """Steps over the model's default."""
    guidance: float = 1.0
    """Guidance over the model's default."""
