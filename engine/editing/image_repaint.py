"""Repainting an image from a prompt: colours, then scenery, brush strokes and style."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from engine import painting as paint
from engine.editing import brush_strokes, paper_border
from engine.editing.colour_transfer import Recolouring, vary_colours
from engine.editing.edit_request import EditRequest, read_request
from engine.editing.prompt_picture import RepaintRequest, paint_prompt
from engine.images.arrays import Picture, Pixels, Plane, blur
from engine.painting import styles
from engine.painting.random_streams import Streams
from engine.painting.styles.brush import busy, smoothstep

Progress = Callable[[float, Pixels | None], None]

COLOUR_ONLY_BELOW = 0.55
"""Strength from which on scenery of the prompt appears in the image; below it only colours are taken."""
_MODEL_SIDE = 320
"""Longest side in pixels of a painting that provides colours only."""
_UNPAINTED = frozenset({"sketch", "pixel", "flat", "poster", "mono", "neon", "ink", "lowpoly", "vintage"})
"""Styles without brush strokes: strokes under them would look like dirt."""
_BRUSHED = frozenset({"oil", "pastel"})
"""Styles with strokes of their own: strokes applied twice would make faces unrecognisable."""
_PREVIEW = 256


def repaint(
    picture: Pixels, wish: RepaintRequest, *, stays: Plane | None = None, progress: Progress | None = None
) -> Pixels:
    """Repaint `picture` (uint8 H x W x 3, sRGB) into a new array of the same size. Deterministic.

    `stays` is the persistence map (float32 H x W, 0..1). `progress` gets a share 0..1 and a preview or None.
    """
    tell = progress or _silent
    if wish.strength <= 0:
        tell(1.0, picture)
        return picture.copy()
    if wish.strength >= 1:
        size = (picture.shape[1], picture.shape[0])
        return paint_prompt(wish, wish.negative_prompt, size, tell)[0]
    return _between(picture, wish, stays, tell)


def _between(picture: Pixels, wish: RepaintRequest, stays: Plane | None, tell: Progress) -> Pixels:
    meant = paint.understand(wish.prompt, wish.negative_prompt)
    streams = Streams(meant.layout_key, wish.seed).child("repaint")
    given = _floats(picture)
    strength = wish.strength
    tell(0.02, _look(given))
    asked = read_request(wish.prompt, wish.negative_prompt)
    image = given if asked.known else vary_colours(given, streams, strength)
    if asked.recolours:
        image = _with_model(wish, asked, given, stays, tell)
    if meant.style not in _UNPAINTED:
        firmness = 0.4 if meant.style in _BRUSHED else 1.0
        image = _in_strokes(image, streams, firmness * _ramp(strength, 0.15, 0.45), wish.quality, tell)
    if meant.style in styles.STYLES:
        image = _in_style(meant.style, image, given, streams, strength, wish.quality)
    pixels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    tell(1.0, _look(image))
    return pixels


def _with_model(
    wish: RepaintRequest, asked: EditRequest, given: Picture, stays: Plane | None, tell: Progress
) -> Picture:
    """The image in the colours of the prompt's painting; at high strength also with its scenery."""
    model, figure = _model(wish, asked.negative_prompt, given, tell)
    image = Recolouring(given, model).apply(given, min(1.0, 1.25 * wish.strength))
    tell(0.55, _look(image))
    if asked.shows and wish.strength > COLOUR_ONLY_BELOW:
        image = _with_scenery(image, model, stays, figure, wish.strength)
        tell(0.62, _look(image))
    return image


def _model(
    wish: RepaintRequest, negative_prompt: str, given: Picture, tell: Progress
) -> tuple[Picture, Plane | None]:
    """The prompt's painting without its style, which is applied last, and the mask of its figures.

    Small where it provides colours only.
    """
    height, width = given.shape[:2]
    before = _look(given)

    def show(share: float, canvas: Pixels | None) -> None:
        tell(0.02 + 0.43 * share, None if canvas is None else _over(before, canvas, wish.strength))

    scale = 1.0 if wish.strength > COLOUR_ONLY_BELOW else min(1.0, _MODEL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels, mask = paint_prompt(wish, negative_prompt, size, show)
    return _floats(pixels), None if mask is None else _floats(mask)


def _with_scenery(
    image: Picture, model: Picture, stays: Plane | None, figure: Plane | None, strength: float
) -> Picture:
    """Blend in the painting: its large forms first, then everything; around the subject before the subject itself."""
    height, width = image.shape[:2]
    unit = float(np.sqrt(height * width))
    taken = _taken(stays, figure, strength, (height, width), unit)[..., None]
    wide = 0.035 * unit
    mixed = image + smoothstep(taken, 0.0, 0.8) * (blur(model, wide) - blur(image, wide))
    fine = smoothstep(taken, 0.35, 1.0)
    return np.clip(mixed + fine * (model - mixed), 0, 1).astype(np.float32)


def _taken(
    stays: Plane | None, figure: Plane | None, strength: float, size: tuple[int, int], unit: float
) -> Plane:
    """Weight of the painting at each pixel, 0..1; 1 everywhere at strength 1."""
    over = (strength - COLOUR_ONLY_BELOW) / (1 - COLOUR_ONLY_BELOW)
    if stays is None:
        return np.full(size, over, np.float32)
    kept = np.clip(stays, 0, 1)
    if figure is not None:
        # Figures of the prompt cover what was in the image.
        kept = kept * (1 - figure * np.float32(min(1.0, 2 * over)))
    kept = blur(kept.astype(np.float32), 0.004 * unit)
    around, there = min(1.0, 1.7 * over), over**4
    return (around + kept * np.float32(there - around)).astype(np.float32)


def _in_strokes(image: Picture, streams: Streams, share: float, quality: float, tell: Progress) -> Picture:
    if share == 0:
        return image
    strokes = brush_strokes.paint_strokes(
        image, streams, quality, lambda done, canvas: tell(0.62 + 0.23 * done, _look(canvas))
    )
    # Faces depend on dense detail: the strokes leave some of it.
    weight = np.float32(share) * (1 - np.float32(0.45) * busy(image))
    return image + weight[..., None] * (strokes - image)


def _in_style(
    style: str, image: Picture, given: Picture, streams: Streams, strength: float, quality: float
) -> Picture:
    share = _ramp(strength, 0.1, 0.4)
    if share == 0:
        return image
    styled = paper_border.apply_style(style, image, given, streams, quality)
    weight = np.full(image.shape[:2], share, np.float32)
    if style in _BRUSHED:
        weight *= 1 - np.float32(0.4) * busy(image)
    return image + weight[..., None] * (styled - image)


def _ramp(value: float, low: float, high: float) -> float:
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3 - 2 * t)


def _look(image: Picture) -> Pixels:
    height, width = image.shape[:2]
    scale = min(1.0, _PREVIEW / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small, 0, 1) * 255 + 0.5, np.uint8)


def _over(before: Pixels, canvas: Pixels, strength: float) -> Pixels:
    """Preview: the unfinished painting over the input image."""
    size = (before.shape[1], before.shape[0])
    there = cv2.resize(canvas, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.addWeighted(before, 1 - 0.6 * strength, there, 0.6 * strength, 0), np.uint8)


def _silent(_share: float, _look: Pixels | None) -> None:
    return None


def _floats(levels: Pixels) -> Picture:
    return np.multiply(levels, np.float32(1 / 255), dtype=np.float32)
