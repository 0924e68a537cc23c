"""Contact sheets for visual checks: `python -m engine.painting.contact_sheet OUT.jpg` paints every prompt below."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.painting.composition import paint

SCENES = (
    "a mountain lake at sunset",
    "snowy alps at dawn",
    "a sailboat on the ocean, golden sunset",
    "misty pine forest in the morning",
    "tokyo cyberpunk city at night, neon",
    "desert dunes at noon",
    "an orange cat",
    "portrait of a woman, oil painting",
    "aurora over a fjord at night",
    "galaxy nebula with a planet",
    "lighthouse on a stormy coast",
    "autumn forest, watercolor",
    "abstract blue and gold",
    "an astronaut riding a horse",
    "red balloon over green hills, flat poster",
    "a cat in a field, pixel art",
)
"""One prompt for every kind of scene, subject and style."""

PUBLISHED = (
    "an astronaut riding a horse on mars, hd, dramatic lighting",
    "a beautiful castle, illustration",
    "Face of a yellow cat, high resolution, sitting on a park bench",
    "a vision of paradise. unreal engine",
    "An astronaut riding a rainbow unicorn, cinematic, dramatic",
    "A fantasy landscape, trending on artstation",
    "a lighthouse on a cliff at dawn, oil painting",
    "a lighthouse on a cliff in a night storm",
    "masterpiece, best quality, a fishing boat on a mountain lake at sunset",
    "zxqv blorp",
    "",
    "masterpiece, best quality, 1girl, solo, cherry blossoms, pink flower, watercolor",
)
"""Defaults and examples of the published models, and prompts without a known word."""

CONTROLS: tuple[tuple[str, float, float], ...] = (
    *(("snowy alps at dawn", quality, 1.0) for quality in (0.02, 0.16, 0.3, 1.0)),
    *(("a red sunset over the sea", 1.0, guidance) for guidance in (0.13, 0.6, 1.0, 2.0)),
)
"""Prompt, quality and guidance: steps and guidance must be visible."""

SIDE, COLUMNS = 320, 4


def sheet(seed: int = 3) -> NDArray[np.uint8]:
    """Paint all prompts into one picture, uint8 H x W x 3."""
    wanted = [*((p, 1.0, 1.0) for p in (*SCENES, *PUBLISHED)), *CONTROLS]
    tiles = [_tile(prompt, seed, quality, guidance) for prompt, quality, guidance in wanted]
    rows = [np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows)


def _tile(prompt: str, seed: int, quality: float, guidance: float) -> NDArray[np.uint8]:
    picture = paint(prompt, width=SIDE, height=SIDE, seed=seed, quality=quality, guidance=guidance)
    image = Image.fromarray(picture.pixels)
    note = (
        prompt[:44]
        + (f" q{quality:g}" if quality != 1 else "")
        + (f" g{guidance:g}" if guidance != 1 else "")
    )
    draw = ImageDraw.Draw(image)
    draw.text((6, SIDE - 17), note or "(empty)", fill="black")
    draw.text((5, SIDE - 18), note or "(empty)", fill="white")
    return np.asarray(image)


def main() -> None:
    """Write the sheet to the file named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m engine.painting.contact_sheet OUT.jpg")
    Image.fromarray(sheet()).save(Path(sys.argv[1]), quality=88)


if __name__ == "__main__":
    main()
