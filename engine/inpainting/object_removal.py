"""Object removal: `sujaykhandekar/object-removal`.

The published model finds objects by class name. Without a trained model names mean nothing, so they are validated
exactly as published and the most prominent object is removed, whatever it is; the log says so.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

from engine import painting, published_models
from engine.background import salient_mask
from engine.editing.fill import fill, include_parts
from engine.images import input_images as helpers
from engine.images.arrays import Mask, Pixels
from engine.images.encoder import Label, encode
from engine.images.sketch_previews import SketchPreviews
from engine.inpainting.stable_diffusion_inpainting import fitted
from engine.protocol.job_output import JobOutput, Refusal
from engine.protocol.progress_bar import Bar
from engine.protocol.typed_input import TypedInput

NAME: Final = "sujaykhandekar/object-removal"
SIDE: Final = 256
"""Side of every output in pixels; the image is stretched to a square, as published."""
DEFAULTS: Final = published_models.defaults(NAME)
DESCRIPTION: Final = "it takes out the most prominent object and continues what surrounds it"
NUMBERS: Final[dict[str, int]] = {
    "Background": 0, "Aeroplane": 1, "bicycle": 2, "bird": 3, "boat": 4, "bottle": 5, "bus": 6, "car": 7,
    "cat": 8, "chair": 9, "cow": 10, "dining table": 11, "dog": 12, "horse": 13, "motorbike": 14, "person": 15,
    "potted plant": 16, "sheep": 17, "sofa": 18, "train": 19, "tv/monitor": 20,
}  # fmt: skip
"""The published class names, spelt as published, and the number of each in the log."""
REACH: Final = 4
"""Pixels by which the removed area exceeds the object, for its rim and the seam of its shadow."""
_RANK: Final = 0.5
"""Share of the largest piece's area from which on another piece is removed with it."""
_STEPS: Final = 20


def perform(inputs: dict[str, Any], output: JobOutput, drawn_seed: int) -> None:
    """Remove the most prominent object from `image_path`; `output.png`. Raises `Refusal`.

    Deterministic: there is no seed.
    """
    typed = TypedInput({**DEFAULTS, **{k: v for k, v in inputs.items() if v is not None}})
    names = typed.text("objects_to_remove").split(",")
    numbers = [number_of(name) for name in names]
    helpers.log_engine(output, painting.VERSION, description=DESCRIPTION)
    picture = fitted(helpers.picture(inputs, "image_path", output), (SIDE, SIDE))
    for name in inputs:
        if name not in ("image_path", "objects_to_remove"):
            output.log(f"Input {_printable(name)} is unknown to {NAME} and was ignored.")
    output.log(f"Object(s) to remove: {numbers}")
    bar = Bar(_STEPS, output.log)
    pixels = _without_object(picture, names, output, bar)
    label = Label(
        model=NAME, painter=painting.VERSION, seed=0, settings={"objects_to_remove": ",".join(names)},
        source="algorithmicallyEnhanced",
    )  # fmt: skip
    output.save("output.png", "image/png", encode(pixels, "png", 100, label))
    output.progress(1.0)
    bar.at(1.0)


def number_of(name: str) -> int:
    """The number of a published class name. Raises `Refusal` with the quoted name, the published model's error."""
    try:
        return NUMBERS[name]
    except KeyError:
        raise Refusal(repr(name[:500])) from None


def object_mask(picture: Pixels) -> Mask | None:
    """The mask to remove from an image (uint8 RGB): its most prominent object and a rim around it; None without one."""
    mask = salient_mask(picture)
    if mask is None:
        return None
    whole = include_parts(picture, _main_pieces(mask > 0.5))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH + 1, 2 * REACH + 1))
    grown = cv2.dilate(whole.astype(np.uint8), disc) > 0
    # With no surroundings left there is nothing to fill it from.
    return grown if grown.any() and grown.mean() < 0.9 else None


def _main_pieces(mask: Mask) -> Mask:
    """The largest piece of the mask and those of comparable size; small ones are other objects."""
    number, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if number < 3:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[0] = 0
    return np.asarray(np.isin(labels, np.flatnonzero(areas >= _RANK * areas.max())) & mask)


def _without_object(picture: Pixels, names: list[str], output: JobOutput, bar: Bar) -> Pixels:
    def report(fraction: float) -> None:
        output.progress(fraction)
        bar.at(fraction)

    with SketchPreviews(output.preview) as previews:
        previews.at(0.0, picture)
        hole = object_mask(picture)
        report(0.5)
        if hole is None:
            output.log("No object stands out here: the picture is returned without a change but its size.")
            return picture
        output.log(_recognised(names))

        def on_progress(fraction: float, canvas: Pixels | None) -> None:
            report(0.5 + 0.4 * fraction)
            previews.at(0.5 + 0.4 * fraction, canvas)

        return fill(picture, hole, seed=0, on_progress=on_progress)


def _recognised(names: list[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    were = "were" if len(names) > 1 else "was"
    return f"No detector here: removed the most prominent object; {quoted} {were} not recognised as such."


def _printable(name: object) -> str:
    return str(name)[:60].encode("unicode_escape").decode("ascii")
