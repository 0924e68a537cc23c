"""Repainting an image from a prompt: colours, then scenery, brush strokes and style."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from engine import painting
from engine.editing import brush_strokes, paper_border
from engine.editing.colour_transfer import Recolouring, vary_colours
from engine.editing.edit_request import EditRequest, parse_edit_request
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
_PREVIEW_SIDE = 256


def repaint(
    picture: Pixels,
    request: RepaintRequest,
    *,
    persistence_map: Plane | None = None,
    progress: Progress | None = None,
) -> Pixels:
    """Repaint `picture` (uint8 H x W x 3, sRGB) into a new array of the same size. Deterministic.

    `persistence_map` is the persistence map (float32 H x W, 0..1). `progress` gets a share 0..1 and a preview or None.
    """
    report = progress or _ignore_progress
    if request.strength <= 0:
        report(1.0, picture)
        return picture.copy()
    if request.strength >= 1:
        size = (picture.shape[1], picture.shape[0])
        return paint_prompt(request, request.negative_prompt, size, report)[0]
    return _between(picture, request, persistence_map, report)


def _between(
    picture: Pixels, request: RepaintRequest, persistence_map: Plane | None, report: Progress
) -> Pixels:
    prompt = painting.parse_prompt(request.prompt, request.negative_prompt)
    streams = Streams(prompt.layout_key, request.seed).child("repaint")
    source = _floats(picture)
    strength = request.strength
    report(0.02, _thumbnail(source))
    edit = parse_edit_request(request.prompt, request.negative_prompt)
    image = source if edit.known else vary_colours(source, streams, strength)
    if edit.recolours:
        image = _with_model(request, edit, source, persistence_map, report)
    if prompt.style not in _UNPAINTED:
        firmness = 0.4 if prompt.style in _BRUSHED else 1.0
        image = _in_strokes(image, streams, firmness * _ramp(strength, 0.15, 0.45), request.quality, report)
    if prompt.style in styles.STYLES:
        image = _in_style(prompt.style, image, source, streams, strength, request.quality)
    pixels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    report(1.0, _thumbnail(image))
    return pixels


def _with_model(
    request: RepaintRequest,
    edit: EditRequest,
    source: Picture,
    persistence_map: Plane | None,
    report: Progress,
) -> Picture:
    """The image in the colours of the prompt's painting; at high strength also with its scenery."""
    model, figure = _model(request, edit.negative_prompt, source, report)
    image = Recolouring(source, model).apply(source, min(1.0, 1.25 * request.strength))
    report(0.55, _thumbnail(image))
    if edit.shows and request.strength > COLOUR_ONLY_BELOW:
        image = _with_scenery(image, model, persistence_map, figure, request.strength)
        report(0.62, _thumbnail(image))
    return image


def _model(
    request: RepaintRequest, negative_prompt: str, source: Picture, report: Progress
) -> tuple[Picture, Plane | None]:
    """The prompt's painting without its style, which is applied last, and the mask of its figures.

    Small where it provides colours only.
    """
    height, width = source.shape[:2]
    before = _thumbnail(source)

    def show(share: float, canvas: Pixels | None) -> None:
        report(0.02 + 0.43 * share, None if canvas is None else _over(before, canvas, request.strength))

    scale = 1.0 if request.strength > COLOUR_ONLY_BELOW else min(1.0, _MODEL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels, mask = paint_prompt(request, negative_prompt, size, show)
    return _floats(pixels), None if mask is None else _floats(mask)


def _with_scenery(
    image: Picture, model: Picture, persistence_map: Plane | None, figure: Plane | None, strength: float
) -> Picture:
    """Blend in the painting: its large forms first, then everything; around the subject before the subject itself."""
    height, width = image.shape[:2]
    unit = float(np.sqrt(height * width))
    taken = _taken(persistence_map, figure, strength, (height, width), unit)[..., None]
    wide = 0.035 * unit
    mixed = image + smoothstep(taken, 0.0, 0.8) * (blur(model, wide) - blur(image, wide))
    fine = smoothstep(taken, 0.35, 1.0)
    return np.clip(mixed + fine * (model - mixed), 0, 1).astype(np.float32)


def _taken(
    persistence_map: Plane | None, figure: Plane | None, strength: float, size: tuple[int, int], unit: float
) -> Plane:
    """Weight of the painting at each pixel, 0..1; 1 everywhere at strength 1."""
    over = (strength - COLOUR_ONLY_BELOW) / (1 - COLOUR_ONLY_BELOW)
    if persistence_map is None:
        return np.full(size, over, np.float32)
    kept = np.clip(persistence_map, 0, 1)
    if figure is not None:
        # Figures of the prompt cover what was in the image.
        kept = kept * (1 - figure * np.float32(min(1.0, 2 * over)))
    kept = blur(kept.astype(np.float32), 0.004 * unit)
    around, inside = min(1.0, 1.7 * over), over**4
    return (around + kept * np.float32(inside - around)).astype(np.float32)


def _in_strokes(image: Picture, streams: Streams, share: float, quality: float, report: Progress) -> Picture:
    if share == 0:
        return image
    strokes = brush_strokes.paint_strokes(
        image, streams, quality, lambda done, canvas: report(0.62 + 0.23 * done, _thumbnail(canvas))
    )
    # Faces depend on dense detail: the strokes leave some of it.
    weight = np.float32(share) * (1 - np.float32(0.45) * busy(image))
    return image + weight[..., None] * (strokes - image)


def _in_style(
    style: str, image: Picture, source: Picture, streams: Streams, strength: float, quality: float
) -> Picture:
    share = _ramp(strength, 0.1, 0.4)
    if share == 0:
        return image
    styled = paper_border.apply_style(style, image, source, streams, quality)
    weight = np.full(image.shape[:2], share, np.float32)
    if style in _BRUSHED:
        weight *= 1 - np.float32(0.4) * busy(image)
    return image + weight[..., None] * (styled - image)


def _ramp(value: float, low: float, high: float) -> float:
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3 - 2 * t)


def _thumbnail(image: Picture) -> Pixels:
    height, width = image.shape[:2]
    scale = min(1.0, _PREVIEW_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small, 0, 1) * 255 + 0.5, np.uint8)


def _over(before: Pixels, canvas: Pixels, strength: float) -> Pixels:
    """Preview: the unfinished painting over the input image."""
    size = (before.shape[1], before.shape[0])
    inside = cv2.resize(canvas, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.addWeighted(before, 1 - 0.6 * strength, inside, 0.6 * strength, 0), np.uint8)


def _ignore_progress(_share: float, _preview: Pixels | None) -> None:
    return None


def _floats(levels: Pixels) -> Picture:
    return np.multiply(levels, np.float32(1 / 255), dtype=np.float32)
