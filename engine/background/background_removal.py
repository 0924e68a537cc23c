"""Background removal: `cjwbw/rembg`.

The published model uses a neural network. Here colours, contours and the position in the frame decide what the
foreground object is; where none is found the image is returned opaque, and the log says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.image_header import MAX_PIXELS
from engine.background import find_shape
from engine.background.alpha_matte import Rgba, cut_out
from engine.background.array_math import fitted
from engine.images import input_images as helpers
from engine.images.arrays import Mask, Pixels
from engine.images.encoder import PREVIEW_SIDE, Label, encode, encode_preview
from engine.protocol.job_output import JobOutput, Refusal
from engine.protocol.progress_bar import Bar

NAME: Final = "cjwbw/rembg"
VERSION: Final = "1.0"
TOOL: Final = "background remover"
DESCRIPTION: Final = "it parts colours and contours and does not know what things are"
MISSING_IMAGE: Final = "'' is not a valid URL scheme. 'data', 'http', or 'https' is supported."
"""The published model's error for a missing image."""
NOTHING_FOUND: Final = "No clear foreground found; picture returned opaque."
ALREADY_CUT: Final = "The picture has a transparent background already; its own alpha was kept."
CUT_SHARE: Final = 0.05
"""Share of transparent pixels from which on an image counts as already cut out."""
_STEPS: Final = 10
_SEARCH_SHARE: Final = 0.6

ProgressCallback = Callable[[float], None]


def perform(inputs: dict[str, Any], output: JobOutput, drawn_seed: int) -> None:
    """Cut the foreground out of `image`: `out.png`, RGBA, of the size of the input. Raises `Refusal`.

    Deterministic: there is no seed.
    """
    if inputs.get("image") in (None, ""):
        raise Refusal(MISSING_IMAGE)
    helpers.log_engine(output, VERSION, name=TOOL, description=DESCRIPTION)
    # Never reduced: the output has the input's size, and the limit on its pixels bounds every side.
    image = helpers.picture(inputs, "image", output, max_side=MAX_PIXELS).image
    for name in inputs:
        if name != "image":
            output.log(f"Input {_printable(name)} is unknown to {NAME} and was ignored.")
    bar = Bar(_STEPS, output.log)

    def report(fraction: float) -> None:
        output.progress(fraction)
        bar.at(fraction)

    pixels = remove_background(image, output, report)
    if pixels.shape != (image.height, image.width, 4):
        raise ValueError(f"the cut-out is {pixels.shape} for a picture of {image.size}")
    label = Label(
        model=NAME, painter=VERSION, seed=0, settings={}, source="algorithmicallyEnhanced", tool=TOOL
    )
    output.save("out.png", "image/png", encode(pixels, "png", 100, label))
    report(1.0)


def remove_background(image: Image.Image, output: JobOutput, report: ProgressCallback) -> Rgba:
    """The image (RGB or RGBA) as RGBA, uint8 H x W x 4, its background transparent if a foreground is found."""
    pixels = np.asarray(image.convert("RGB") if image.mode != "RGB" else image)
    own = np.asarray(image.getchannel("A")) if image.mode == "RGBA" else None
    if own is not None and float((own < 128).mean()) >= CUT_SHARE:
        output.log(ALREADY_CUT)
        return np.asarray(image)

    def on_progress(fraction: float, mask: Mask) -> None:
        report(_SEARCH_SHARE * fraction)
        output.preview(encode_preview(_preview(pixels, mask)))

    mask = find_shape(pixels, on_progress)
    report(_SEARCH_SHARE)
    if mask is None:
        output.log(NOTHING_FOUND)
        return np.asarray(image.convert("RGBA"))
    cut = cut_out(pixels, mask)
    output.preview(encode_preview(_on_white(cut)))
    report(0.8)
    if own is not None:
        cut[..., 3] = np.minimum(cut[..., 3], own)
    return cut


def _preview(pixels: Pixels, mask: Mask) -> Pixels:
    """A preview in which the background found so far is faded."""
    small = fitted(pixels, PREVIEW_SIDE)
    size = (small.shape[1], small.shape[0])
    kept = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(255 - (255 - small.astype(np.float32)) * (0.25 + 0.75 * kept), np.uint8)


def _on_white(cut: Rgba) -> NDArray[np.uint8]:
    small = fitted(cut, PREVIEW_SIDE).astype(np.float32)
    part = small[..., 3:] / 255
    return np.asarray(small[..., :3] * part + 255 * (1 - part), np.uint8)


def _printable(name: object) -> str:
    return str(name)[:60].encode("unicode_escape").decode("ascii")
