"""Image to image: an input image repainted from a prompt; a greater strength departs further from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine import painting
from engine.editing.image_repaint import COLOUR_ONLY_BELOW, repaint
from engine.editing.persistence_map import persistence
from engine.editing.prompt_picture import RepaintRequest
from engine.images.arrays import Pixels
from engine.images.decoder import Decoded
from engine.images.encoder import CONTENT_TYPES, encode
from engine.images.input_images import picture
from engine.images.sketch_previews import SketchPreviews, sketch_size
from engine.models import Model, Settings
from engine.painting.text_to_image import PAINTING, SKETCHED, label_of, log_settings, progress_callback
from engine.protocol.job_output import JobOutput
from engine.protocol.progress_bar import Bar

DESCRIPTION = "it recolours and repaints the given picture after a word list"
FLUX_SIDE = 1440
"""Longest side in pixels that the published flux models work at."""
MULTIPLE = {"picture": 8, "ratio": 16}
"""Multiple of the sides, by how the model takes its size; for others the image keeps its own."""


@dataclass(frozen=True)
class _Start:
    """The input image at the size of the result, and its persistence map."""

    pixels: Pixels
    persistence_map: NDArray[np.float32] | None


def perform(model: Model, settings: Settings, inputs: dict[str, Any], output: JobOutput) -> None:
    """Paint, encode and save all requested images; image k uses seed + k and is `out-k`.

    Raises `Refusal` where the input `image` is not an image.
    """
    log_settings(settings, output, painting, description=DESCRIPTION)
    if model.extra_logs:
        output.log(f"Prompt: {settings.prompt}")
        output.log("img2img mode")
    start, settings = _start(model, settings, picture(inputs, "image", output), output)
    strength = settings.strength or 0.0
    # The published bar counts the remaining steps from the input image; with none left this one has one.
    bar = Bar(max(1, int(settings.steps * strength)), output.log)
    for index in range(settings.count):
        image_settings = replace(settings, seed=settings.seed + index)
        report = progress_callback(output, bar, index, settings.count)
        pixels = _developed(image_settings, start, output, report)
        name = f"out-{index}.{settings.format}"
        data = encode(
            pixels, settings.format, settings.encoder_quality, label_of(image_settings, painting.VERSION)
        )
        output.save(name, CONTENT_TYPES[settings.format], data)
        report(1.0)


def _start(model: Model, settings: Settings, found: Decoded, output: JobOutput) -> tuple[_Start, Settings]:
    width, height = _size(model, found, output)
    image = _opaque(found.image, output)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.array(image, np.uint8)
    comes_in = COLOUR_ONLY_BELOW < (settings.strength or 0.0) < 1
    return _Start(pixels, persistence(pixels) if comes_in else None), replace(
        settings, width=width, height=height
    )


def _size(model: Model, found: Decoded, output: JobOutput) -> tuple[int, int]:
    """Width and height of the result in pixels, as the published model derives them, and the log lines about it."""
    original_size, size = found.original_size, found.image.size
    if model.shape == "ratio":
        return _flux_size(original_size, output)
    step = MULTIPLE.get(model.shape, 1)
    size = (max(step, size[0] // step * step), max(step, size[1] // step * step))
    if size != original_size:
        why = f", multiples of {step}" if step > 1 else ""
        output.log(
            f"The picture of {original_size[0]} x {original_size[1]} pixels was brought to {size[0]} x {size[1]}{why}."
        )
    return size


def _flux_size(original_size: tuple[int, int], output: JobOutput) -> tuple[int, int]:
    width, height = original_size
    output.log(f"Input image size: {width}x{height}")
    scale = min(FLUX_SIDE / width, FLUX_SIDE / height, 1)
    if scale < 1:
        width, height = max(1, int(width * scale)), max(1, int(height * scale))
        output.log(f"Scaling image down to {width}x{height}")
    step = MULTIPLE["ratio"]
    width, height = -(-width // step) * step, -(-height // step) * step
    output.log(f"Input image size set to: {width}x{height}")
    return width, height


def _opaque(image: Image.Image, output: JobOutput) -> Image.Image:
    if image.mode != "RGBA":
        return image
    output.log("Transparent places of the picture were filled with white.")
    whole = Image.new("RGB", image.size, "white")
    whole.paste(image, mask=image.getchannel("A"))
    return whole


def _developed(
    settings: Settings, start: _Start, output: JobOutput, report: Callable[[float], None]
) -> Pixels:
    """The finished image; sends previews meanwhile."""
    request = RepaintRequest(
        settings.prompt,
        settings.negative_prompt,
        settings.seed,
        settings.strength or 0.0,
        settings.quality,
        settings.guidance,
    )
    sketch = None
    size = sketch_size(settings.width, settings.height)
    if size is not None:
        small = Image.fromarray(start.pixels).resize(size, Image.Resampling.BOX)
        sketch = repaint(np.array(small, np.uint8), request)
        report(SKETCHED)
    with SketchPreviews(output.preview, sketch) as previews:

        def progress(fraction: float, canvas: Pixels | None) -> None:
            report(fraction * PAINTING)
            previews.at(fraction, canvas)

        return repaint(start.pixels, request, persistence_map=start.persistence_map, progress=progress)
