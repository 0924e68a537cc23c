"""Text to image: one request from `Settings` to finished files and log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from engine.images import input_images
from engine.images.encoder import CONTENT_TYPES, Label, Source, encode
from engine.images.sketch_previews import SketchPreviews, sketch_size
from engine.models import Model, Settings
from engine.protocol.job_output import JobOutput
from engine.protocol.progress_bar import Bar

PAINTING = 0.92
"""Share of one image's work that is painting; the rest is encoding and writing."""
SKETCHED = 0.02
"""Share of one image's work that is done with its sketch."""
WORDS_LISTED = 40

Preview: TypeAlias = NDArray[np.uint8] | None


class Painter(Protocol):
    """The part of `engine.painting` that this module uses; tests pass a stub."""

    VERSION: str

    def parse_prompt(self, prompt: str, negative_prompt: str = "") -> Any:
        """Interpret a prompt; the result has `known` and `unknown` words."""
        ...

    def paint(
        self,
        prompt: str,
        *,
        negative_prompt: str = "",
        width: int,
        height: int,
        seed: int,
        quality: float = 1.0,
        guidance: float = 1.0,
        progress: Callable[[float, Preview], None] | None = None,
    ) -> Any:
        """Paint an image; the result has `pixels`, uint8, height x width x 3."""
        ...


def perform(model: Model, settings: Settings, output: JobOutput, painter: Painter) -> None:
    """Paint, encode and save all requested images; image k uses seed + k and is `out-k`.

    Raises whatever the painter raises; `MemoryError` is the caller's to name.
    """
    log_settings(settings, output, painter)
    if model.extra_logs:
        output.log(f"Prompt: {settings.prompt}")
        output.log("txt2img mode")
    bar = Bar(settings.steps, output.log)
    for index in range(settings.count):
        image_settings = replace(settings, seed=settings.seed + index)
        report = progress_callback(output, bar, index, settings.count)
        pixels = _developed(image_settings, painter, output, report)
        name = f"out-{index}.{settings.format}"
        data = encode(
            pixels, settings.format, settings.encoder_quality, label_of(image_settings, painter.VERSION)
        )
        output.save(name, CONTENT_TYPES[settings.format], data)
        report(1.0)


def _developed(
    settings: Settings, painter: Painter, output: JobOutput, report: Callable[[float], None]
) -> NDArray[np.uint8]:
    """The painted image; sends previews meanwhile."""
    size = sketch_size(settings.width, settings.height)
    sketch = None
    if size is not None:
        small = replace(settings, width=size[0], height=size[1])
        sketch = _paint(small, painter, lambda fraction, canvas: None)
        report(SKETCHED)
    with SketchPreviews(output.preview, sketch) as previews:

        def progress(fraction: float, canvas: Preview) -> None:
            report(fraction * PAINTING)
            previews.at(fraction, canvas)

        return _paint(settings, painter, progress)


def _paint(
    settings: Settings, painter: Painter, report: Callable[[float, Preview], None]
) -> NDArray[np.uint8]:
    picture = painter.paint(
        settings.prompt,
        negative_prompt=settings.negative_prompt,
        width=settings.width,
        height=settings.height,
        seed=settings.seed,
        quality=settings.quality,
        guidance=settings.guidance,
        progress=report,
    )
    pixels: NDArray[np.uint8] = picture.pixels
    if pixels.shape != (settings.height, settings.width, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"the painter returned {pixels.shape} {pixels.dtype}")
    return pixels


def progress_callback(output: JobOutput, bar: Bar, index: int, count: int) -> Callable[[float], None]:
    """A progress callback for image `index` of `count`, mapped onto the whole request."""

    def report(fraction: float) -> None:
        # Clipped below the end, so that only the saved last file makes the bar reach 100 %.
        overall = (index + min(max(fraction, 0.0), 1.0)) / count
        output.progress(overall)
        bar.at(overall)

    return report


def log_settings(
    settings: Settings,
    output: JobOutput,
    painter: Painter,
    *,
    description: str = input_images.PAINTER_DESCRIPTION,
) -> None:
    """Write the log up to what the published model adds. The seed comes first: clients parse it."""
    output.log(f"Using seed: {settings.seed}")
    input_images.log_engine(output, painter.VERSION, description=description)
    prompt = painter.parse_prompt(settings.prompt, settings.negative_prompt)
    output.log(vocabulary_line(prompt.known, prompt.unknown))
    if settings.lora is not None:
        output.log(f"LoRA {without_query(settings.lora)} not loaded: this engine has no weights.")
    for note in settings.notes:
        output.log(note)


def vocabulary_line(known: Sequence[str], unknown: Sequence[str]) -> str:
    """The log line with the known and the unknown words of the prompt."""
    text = f"Understood: {_listed(known) or 'nothing'}."
    return f"{text} No meaning here: {_listed(unknown)}." if unknown else text


def _listed(words: Sequence[str]) -> str:
    once = list(dict.fromkeys(words))
    more = f" and {len(once) - WORDS_LISTED} more" if len(once) > WORDS_LISTED else ""
    return ", ".join(once[:WORDS_LISTED]) + more


def without_query(name: str) -> str:
    """The name without the query of a URL: it often carries a token, and logs have other readers."""
    if "://" not in name:
        return name
    parts = urlsplit(name)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def label_of(settings: Settings, version: str) -> Label:
    """Provenance metadata of an image painted with these settings."""
    chosen: dict[str, Any] = {
        "width": settings.width,
        "height": settings.height,
        "num_inference_steps": settings.steps,
        "output_format": settings.format,
    }
    if settings.guidance_scale is not None:
        chosen["guidance_scale"] = settings.guidance_scale
    if settings.format != "png":
        chosen["output_quality"] = settings.encoder_quality
    if settings.strength is not None:
        chosen["prompt_strength"] = settings.strength
    # At full strength nothing of the input image is left.
    from_picture = settings.strength is not None and settings.strength < 1
    source: Source = "algorithmicallyEnhanced" if from_picture else "algorithmicMedia"
    return Label(settings.model, version, settings.seed, chosen, source)
