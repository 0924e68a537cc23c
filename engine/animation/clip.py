"""A clip from one prompt: every frame painted separately, with a camera that slides sideways and moving contents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine import painting
from engine.animation.prompt_transitions import FrameSettings, ProgressCallback
from engine.images.arrays import Pixels

FRAMES = 16
FPS = 8
_ROOM = 0.11
"""Share of the image height by which the nearest object may move in the whole clip."""
_FAR_SCENES = frozenset({"studio", "space", "underwater", "abstract"})
"""Scenes without ground under the camera: the camera stands still and only the contents move."""


class Clip:
    """`FRAMES` frames of an interpreted prompt; shared work is done once."""

    def __init__(
        self,
        prompt: painting.ParsedPrompt,
        settings: FrameSettings,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        """`on_progress` gets the progress of the first still: a fraction, and a preview."""
        self._prompt, self._settings = prompt, settings
        self._memory: dict[Any, Any] = {}
        # At the camera position of a still: this fixes the places of trees and subjects.
        self.still = settings.paint(
            prompt, painting.Moment(grain=False, memory=self._memory), on_progress
        ).pixels

    def frames(self) -> Iterator[Pixels]:
        """Every frame in order, uint8 H x W x 3."""
        for index in range(FRAMES):
            moment = painting.Moment(
                # Never at 0, where the painter paints a still.
                clock=(index + 1) / FPS,
                slide=self._travel() * (index / (FRAMES - 1) - 0.5),
                grain=False,
                memory=self._memory,
            )
            yield self._settings.paint(self._prompt, moment).pixels

    def _travel(self) -> float:
        """Distance of the whole camera movement, in world units: shorter where objects are close to it."""
        prompt = self._prompt
        if prompt.scene in _FAR_SCENES:
            return 0.0
        if prompt.scene == "city":
            return 0.8
        if prompt.scene == "forest":
            return 0.07  # a wall of leaves: a longer movement would make it flicker
        near = 1.05 if prompt.subjects else 2.4
        if prompt.scene in ("hills", "mountain", "lake") and "snow" not in prompt.weather:
            # Grass and flowers at the camera's feet.
            near = 0.6 if prompt.subjects else 0.8 if prompt.scene == "hills" else 1.5
        return _ROOM * near / 0.95
