"""Post-processing: bloom, tone shoulder, colour shift, saturation, vignette, simplification at few steps, grain."""

from __future__ import annotations

import cv2
import numpy as np

from engine.images.arrays import Plane
from engine.painting.palette import pull_strength, tint_image
from engine.painting.prompt.lexicon import COLOURS
from engine.painting.random_streams import Streams
from engine.painting.stage import Stage, mix


def luma(image: Plane) -> Plane:
    """Brightness of a float32 picture, H x W."""
    return np.asarray(cv2.transform(image, np.array([[0.299, 0.587, 0.114]], np.float32)), np.float32)


def bloom(image: Plane, *, amount: float, over: float = 0.80) -> Plane:
    """Bloom: light spills from pixels brighter than paper; computed at a quarter of the size."""
    h, w = image.shape[:2]
    small = cv2.resize(
        np.maximum(image - np.float32(over), 0),
        (max(1, w // 4), max(1, h // 4)),
        interpolation=cv2.INTER_AREA,
    )
    wide = cv2.GaussianBlur(small, (0, 0), max(0.6, 0.012 * h)) + 0.6 * cv2.GaussianBlur(
        small, (0, 0), max(0.6, 0.03 * h / 2)
    )
    return np.asarray(image + amount * cv2.resize(wide, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)


def shoulder(image: Plane) -> Plane:
    """Compress highlights above 0.7 smoothly to 1; lower values are unchanged."""
    over = np.maximum(image - 0.7, 0)
    return np.asarray(np.minimum(image, 0.7) + 0.3 * (1.0 - np.exp(-over / 0.3)), np.float32)


def saturate(image: Plane, factor: float) -> Plane:
    """Scale the distance from grey."""
    grey = luma(image)
    return np.asarray(grey[..., None] + (image - grey[..., None]) * np.float32(factor), np.float32)


def vignette(image: Plane, strength: float) -> Plane:
    """Darken toward the corners."""
    h, w = image.shape[:2]
    y = np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, w, dtype=np.float32)[None, :]
    return np.asarray(
        image * (1.0 - np.float32(strength) * np.clip(0.5 * (x * x + y * y), 0, 1) ** 1.5)[..., None],
        np.float32,
    )


def pull_colours(stage: Stage, guidance: float) -> None:
    """Grade the scene toward the colour words that have no noun of their own."""
    wanted = [c for c in stage.prompt.colours_of("*") if c in COLOURS]
    if not wanted:
        if {"rainbow", "vivid"} & set(stage.prompt.colours_of("*")):
            stage.canvas[:] = saturate(stage.canvas, 1.0 + 0.45 * guidance)
        return
    k = pull_strength(guidance)
    if len(wanted) == 1:
        stage.canvas[:] = tint_image(stage.canvas, wanted[0], 0.55 * k)
        return
    # Several colours share the picture by lightness: the first takes the dark, the last the light parts.
    grey = luma(np.clip(stage.canvas, 0, 1))
    place = np.clip(grey * len(wanted) - 0.5, 0, len(wanted) - 1)
    for index, colour in enumerate(wanted):
        share = np.clip(1 - np.abs(place - index), 0, 1)
        stage.canvas[:] = tint_image(stage.canvas, colour, (0.5 * k * share).astype(np.float32))


def tone(image: Plane, guidance: float, dark: bool) -> Plane:
    """Bloom, shoulder, saturation by guidance, vignette."""
    image = bloom(image, amount=1.35, over=0.68) if dark else bloom(image, amount=0.7)
    image = saturate(image, 0.94 + 0.12 * guidance)
    image = vignette(shoulder(np.maximum(image, 0)), 0.24)
    return np.clip(image, 0, 1)


def brushwork(streams: Streams, image: Plane, quality: float, share: float = 1.0) -> Plane:
    """Broad strokes instead of detail for few steps; `share` of the usual breadth."""
    if quality >= 0.6:
        return image
    from engine.painting.styles.brush import kuwahara, streaks, tangents

    h, w = image.shape[:2]
    broad = 1 - quality / 0.6
    # The second, smaller pass draws the borders of the dabs together.
    dabs = kuwahara(
        kuwahara(np.asarray(image, np.float32), 0.035 * share * broad * h), 0.018 * share * broad * h
    )
    if share < 0.5:
        return np.asarray(dabs, np.float32)
    tx, ty = tangents(dabs, streams, 0.03 * h)
    strokes = streaks(tx, ty, streams, "brushwork", rows=44, length=0.18 * h)
    drag = np.float32(0.020 * h * broad) * strokes
    rows, columns = np.arange(h, dtype=np.float32)[:, None], np.arange(w, dtype=np.float32)[None, :]
    moved = cv2.remap(
        dabs, columns - ty * drag, rows + tx * drag, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved * (1 + np.float32(0.05 * broad) * strokes)[..., None], np.float32)


def grain(streams: Streams, image: Plane) -> Plane:
    """A trace of film grain; it hides banding in soft skies."""
    noise = streams.rng("grain").random(image.shape[:2], dtype=np.float32) - 0.5
    return np.clip(mix(image, image + noise[..., None], 0.012), 0, 1)
