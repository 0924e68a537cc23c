"""Transitions between prompts: the painted images on the way from one prompt to the next.

Prompts that name the same things have the same composition: the painter paints both in interpolated light, and only
what cannot be interpolated (a moon, snow, lit windows) fades. Other prompts are joined by `morph`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from engine import painting
from engine.animation.morph import Morph, Scene
from engine.animation.optical_flow import FlowInterpolation
from engine.images.arrays import Pixels
from engine.painting.random_streams import Streams

ProgressCallback = Callable[[float, Pixels | None], None]

MAX_PAINTED = 12
"""Maximum of images per stretch painted in interpolated light; the others are interpolated by optical flow."""


@dataclass(frozen=True)
class FrameSettings:
    """Settings shared by all images of an animation: pixels, seed, and ratios to the model's defaults."""

    width: int
    height: int
    seed: int
    quality: float
    guidance: float

    def paint(
        self,
        prompt: painting.ParsedPrompt,
        moment: painting.Moment,
        on_progress: ProgressCallback | None = None,
    ) -> painting.Picture:
        """Paint one moment."""
        picture = painting.paint_moment(
            prompt, moment, width=self.width, height=self.height, seed=self.seed, quality=self.quality,
            guidance=self.guidance, progress=on_progress,
        )  # fmt: skip
        if picture.pixels.shape != (self.height, self.width, 3) or picture.pixels.dtype != np.uint8:
            raise ValueError(f"the painter returned {picture.pixels.shape} {picture.pixels.dtype}")
        return picture


class PromptPath:
    """Images along a sequence of prompts; `at(0)` is the image of the first, `at(1)` of the second, and so on."""

    def __init__(
        self,
        prompts: list[painting.ParsedPrompt],
        settings: FrameSettings,
        per_stretch: int,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        """`per_stretch` is the approximate number of places between two prompts.

        `on_progress` gets the progress of each image: a fraction, and a preview.
        """
        self._prompts, self._settings, self._on_progress = prompts, settings, on_progress
        self._all = per_stretch <= MAX_PAINTED
        self._stretch: tuple[int, _Alike | _Unlike] | None = None

    def at(self, place: float) -> Pixels:
        """The image at this place; call in ascending order, since only one stretch is kept at a time."""
        index = min(int(place), len(self._prompts) - 2)
        return self._on(index).at(place - index)

    def _on(self, index: int) -> _Alike | _Unlike:
        if self._stretch is None or self._stretch[0] != index:
            first, last = self._prompts[index], self._prompts[index + 1]
            if first.layout_key == last.layout_key:
                self._stretch = (
                    index,
                    _Alike(first, last, self._settings, self._on_progress, paint_all=self._all),
                )
            else:
                self._stretch = index, _Unlike(first, last, self._settings, self._on_progress)
        return self._stretch[1]


class _Alike:
    """Transition between two prompts of one composition; with `paint_all`, every place is painted in its own light."""

    def __init__(
        self,
        first: painting.ParsedPrompt,
        last: painting.ParsedPrompt,
        settings: FrameSettings,
        on_progress: ProgressCallback | None,
        *,
        paint_all: bool,
    ) -> None:
        self._ends = first, last
        self._settings, self._on_progress, self._paint_all = settings, on_progress, paint_all
        self._colours = [
            painting.colours_of(prompt, settings.seed, settings.guidance) for prompt in self._ends
        ]
        self._memory: dict[Any, Any] = {}
        self._painted: dict[int, Pixels] = {}
        self._between: tuple[int, FlowInterpolation] | None = None

    def at(self, share: float) -> Pixels:
        if self._paint_all:
            return self._paint(share)
        step = share * MAX_PAINTED
        before = int(step)
        if step == before:
            return self._step(before)
        if self._between is None or self._between[0] != before:
            self._between = (
                before,
                FlowInterpolation(self._step(before), self._step(before + 1), flowing=True),
            )
        return self._between[1].at(step - before)

    def _step(self, step: int) -> Pixels:
        """The image of a painted step; only the last two are kept."""
        if step not in self._painted:
            self._painted = {key: self._painted[key] for key in self._painted if key == step - 1}
            self._painted[step] = self._paint(step / MAX_PAINTED)
        return self._painted[step]

    def _paint(self, share: float) -> Pixels:
        first, last = self._ends
        if share <= 0.0 or first == last:
            return self._side(first, None)
        if share >= 1.0:
            return self._side(last, None)
        light = between_colours(self._colours[0], self._colours[1], share)
        weight = share * share * (3 - 2 * share)
        one, two = self._side(first, light), self._side(last, light)
        return np.asarray(cv2.addWeighted(one, 1 - weight, two, weight, 0), np.uint8)

    def _side(self, prompt: painting.ParsedPrompt, light: painting.Palette | None) -> Pixels:
        moment = painting.Moment(palette=light, grain=False, memory=self._memory)
        return self._settings.paint(prompt, moment, self._on_progress).pixels


class _Unlike:
    """Transition between two prompts of different compositions: a morph."""

    def __init__(
        self,
        first: painting.ParsedPrompt,
        last: painting.ParsedPrompt,
        settings: FrameSettings,
        on_progress: ProgressCallback | None,
    ) -> None:
        scenes = [_scene(prompt, settings, on_progress) for prompt in (first, last)]
        front = Streams(f"{first.layout_key}>{last.layout_key}", settings.seed)
        self._morph = Morph(scenes[0], scenes[1], front)

    def at(self, share: float) -> Pixels:
        return self._morph.at(share)


def _scene(
    prompt: painting.ParsedPrompt, settings: FrameSettings, on_progress: ProgressCallback | None
) -> Scene:
    memory: dict[Any, Any] = {}
    whole = settings.paint(prompt, painting.Moment(grain=False, memory=memory), on_progress)
    if whole.subject_mask is None:
        return Scene(whole.pixels, whole.pixels, None)
    empty = settings.paint(prompt, painting.Moment(grain=False, subjects=False, memory=memory), on_progress)
    return Scene(whole.pixels, empty.pixels, whole.subject_mask)


def between_colours(first: painting.Palette, last: painting.Palette, share: float) -> painting.Palette:
    """The palette interpolated at this share: every colour, and the height of the sun."""
    mixed: dict[str, Any] = {}
    for field in fields(first):
        a, b = getattr(first, field.name), getattr(last, field.name)
        if isinstance(a, tuple):
            mixed[field.name] = tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))
        else:
            mixed[field.name] = a + (b - a) * share
    return painting.Palette(**mixed)
