"""The timeline of an animation: which frame shows which place between the prompts. Arithmetic only.

Images are *drawn* at places on the way from prompt to prompt (0 is the first prompt, 1 the second, and so on);
*frames* lie between two drawn ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FULL_STRENGTH = 0.8
"""Prompt strength from which on the first and last image are exactly those of their prompts."""


@dataclass(frozen=True)
class Timeline:
    """`drawn` are the places of the drawn images, ascending; `frames` the frames in order, as positions among those.

    2.25 is a quarter of the way from drawn image 2 to drawn image 3. The way back of a ping-pong reuses the drawn
    images.
    """

    drawn: tuple[float, ...]
    frames: tuple[float, ...]


def count_drawn(prompts: int, per_stretch: int, *, there_and_back: bool) -> int:
    """Number of drawn images that an animation shows; the way back of a ping-pong counts its images again."""
    stretches = prompts - 1
    return 2 * stretches * per_stretch + 1 if there_and_back else stretches * per_stretch


def plan(prompts: int, per_stretch: int, steps: int, *, there_and_back: bool, flowing: bool) -> Timeline:
    """The timeline for a number of prompts (2 or more), drawn images per stretch (2 or more) and steps between them.

    As in the published model: with `flowing`, each gap holds the next power of two of frames, and one more ends it;
    otherwise there are `steps` frames for each gap.
    """
    stretches = prompts - 1
    ends = count_drawn(prompts, per_stretch, there_and_back=there_and_back)
    drawn = tuple(_there(stretches, per_stretch, whole=there_and_back))
    last = len(drawn) - 1
    if flowing:
        frames_per_gap = 2 ** max(1, math.ceil(math.log2(steps)))
        along = [index / frames_per_gap for index in range((ends - 1) * frames_per_gap + 1)]
    else:
        count = (ends - 1) * steps
        along = [index * (ends - 1) / max(1, count - 1) for index in range(count)]
    return Timeline(drawn, tuple(place if place <= last else 2 * last - place for place in along))


def _there(stretches: int, per_stretch: int, *, whole: bool) -> list[float]:
    """Places of the drawn images up to the last prompt; without a way back the last stretch includes both its ends."""
    places = [index / per_stretch for index in range(stretches * per_stretch)]
    if whole:
        return [*places, float(stretches)]
    start = (stretches - 1) * per_stretch
    ending = [stretches - 1 + index / (per_stretch - 1) for index in range(per_stretch)]
    return [*places[:start], *ending]


def adjust_to_strength(place: float, stretches: int, strength: float) -> float:
    """A place adjusted to the prompt strength: a low one moves it to the middle, a high one to the prompts.

    At `FOLLOWS` places stay unchanged; at 0 every image is the one in the middle of the whole way.
    """
    if strength <= FULL_STRENGTH:
        return stretches / 2 + (place - stretches / 2) * strength / FULL_STRENGTH
    base = min(math.floor(place), stretches - 1)
    within = place - base
    eased = within * within * (3 - 2 * within)
    return base + within + (eased - within) * (strength - FULL_STRENGTH) / (1 - FULL_STRENGTH)
