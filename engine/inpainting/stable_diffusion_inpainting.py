"""Inpainting: the white part of a mask repainted, everything else kept byte for byte.

`stability-ai/stable-diffusion-inpainting`, and `stability-ai/sdxl` where it is given an image and a mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine import painting
from engine.images import input_images as helpers
from engine.images.arrays import Pixels
from engine.images.decoder import Decoded
from engine.images.encoder import CONTENT_TYPES, encode
from engine.images.sketch_previews import SketchPreviews
from engine.inpainting import InpaintRequest, mask_from, repaint
from engine.input_settings import parse_input
from engine.models import Model, Settings
from engine.painting.text_to_image import label_of, progress_callback, vocabulary_line, without_query
from engine.protocol.job_output import JobOutput
from engine.protocol.progress_bar import Bar

DESCRIPTION: Final = "it continues what surrounds the mask and draws from a word list"
EMPTY: Final = "The mask is empty: nothing to repaint."
_PAINTED = 0.92
"""Share of one image's work that is painting; the rest is encoding and writing."""
_PREVIEW_SIDE = 256

MODEL: Final = Model(
    name="stability-ai/stable-diffusion-inpainting",
    shape="enum",
    extra_logs=False,
    ignored_inputs=("scheduler", "disable_safety_checker"),
)


def perform(inputs: dict[str, Any], output: JobOutput, drawn_seed: int) -> None:
    """Repaint the masked part of `image`, once per requested output. Raises `Refusal`."""
    values = {name: value for name, value in inputs.items() if name not in ("image", "mask")}
    settings = parse_input(MODEL, values, drawn_seed=drawn_seed)
    paint_into(MODEL, settings, inputs, output)


def paint_into(
    model: Model, settings: Settings, inputs: dict[str, Any], output: JobOutput, *, strength: float = 1.0
) -> None:
    """Log, repaint and save all images that `settings` requests; `image` and `mask` are read from `inputs`.

    Both are stretched to the width and height of `settings`, as the published models do. `strength` 1 ignores the
    masked part, 0 leaves it. Image k uses seed + k and is `out-k`. Raises `Refusal` naming `image` or `mask`.
    """
    output.log(f"Using seed: {settings.seed}")
    helpers.log_engine(output, painting.VERSION, description=DESCRIPTION)
    size = settings.width, settings.height
    picture = fitted(helpers.picture(inputs, "image", output), size)
    hole = mask_from(helpers.picture(inputs, "mask", output).image, size)
    _log_settings(model, settings, output, strength)
    if not hole.any():
        output.log(EMPTY)
    # The published pipeline skips the first steps at a lower strength.
    bar = Bar(max(1, int(settings.steps * strength)), output.log)
    for index in range(settings.count):
        image_settings = replace(settings, seed=settings.seed + index)
        report = progress_callback(output, bar, index, settings.count)
        pixels = _repainted(picture, hole, image_settings, strength, output, report)
        label = replace(label_of(image_settings, painting.VERSION), source="algorithmicallyEnhanced")
        data = encode(pixels, settings.format, settings.encoder_quality, label)
        output.save(f"out-{index}.{settings.format}", CONTENT_TYPES[settings.format], data)
        report(1.0)


def fitted(picture: Decoded, size: tuple[int, int]) -> Pixels:
    """The image as RGB stretched to `size` (width, height), on white where it is not opaque."""
    image = picture.image
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    image = image.convert("RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8)


def _repainted(
    picture: Pixels,
    hole: NDArray[np.bool_],
    settings: Settings,
    strength: float,
    output: JobOutput,
    report: Callable[[float], None],
) -> Pixels:
    request = InpaintRequest(
        prompt=settings.prompt,
        negative_prompt=settings.negative_prompt,
        seed=settings.seed,
        quality=settings.quality,
        guidance=settings.guidance,
        strength=strength,
    )
    with SketchPreviews(output.preview) as previews:

        def on_progress(fraction: float, canvas: Pixels | None) -> None:
            report(fraction * _PAINTED)
            previews.at(fraction, None if canvas is None else _preview(canvas))

        pixels = repaint(picture, hole, request, on_progress)
    if pixels.shape != (settings.height, settings.width, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"the painter returned {pixels.shape} {pixels.dtype}")
    return pixels


def _preview(canvas: Pixels) -> Pixels:
    image = Image.fromarray(canvas)
    image.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE), Image.Resampling.BOX)
    return np.asarray(image, np.uint8)


def _log_settings(model: Model, settings: Settings, output: JobOutput, strength: float) -> None:
    """Write the log between the engine's line and the first bar."""
    prompt = painting.parse_prompt(settings.prompt, settings.negative_prompt)
    output.log(vocabulary_line(prompt.known, prompt.unknown))
    if settings.lora is not None:
        output.log(f"LoRA {without_query(settings.lora)} not loaded: this engine has no weights.")
    for note in settings.notes:
        output.log(note)
    if model.extra_logs:
        output.log(f"Prompt: {settings.prompt}")
        output.log("inpainting mode")
    if strength == 0:
        output.log("With prompt_strength 0 nothing is repainted.")
