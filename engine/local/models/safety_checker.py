"""NSFW safety checker of finished images, for the models whose published form has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from numpy.typing import NDArray
from PIL import Image
from transformers import CLIPImageProcessor

ALL_FLAGGED = "NSFW content detected. Try running it again, or try a different prompt."
"""The published error of the still models."""
ANIMATION_FLAGGED = "NSFW content detected, please try a different prompt and/or seed"


class Checker:
    """A network that flags images as not safe for work."""

    def __init__(self, network: Any, extractor: Any, device: Any, dtype: Any) -> None:
        self._network = network.to(device=device, dtype=dtype).eval()
        self._extractor = extractor
        self._device = device
        self._dtype = dtype

    def flags(self, pixels: NDArray[np.uint8]) -> bool:
        """Whether it flags this image, height x width x 3."""
        wanted = self._extractor(Image.fromarray(pixels), return_tensors="pt").pixel_values
        # It blackens flagged images in the array passed to it, which is not used: a tiny one will do.
        _, found = self._network(
            images=np.zeros((1, 8, 8, 3), np.float32), clip_input=wanted.to(self._device, self._dtype)
        )
        return bool(found[0])


def load(place: str, device: Any, dtype: Any, *, local_files_only: bool) -> Checker:
    """Load the checker of a folder or hub id: its own, or the parts `safety_checker` and `feature_extractor` of one.

    Raises transformers' `OSError` and `ValueError`.
    """
    within = (Path(place) / "safety_checker").is_dir()
    arguments: dict[str, Any] = {"local_files_only": local_files_only}
    network = StableDiffusionSafetyChecker.from_pretrained(
        place, use_safetensors=True, **arguments, **({"subfolder": "safety_checker"} if within else {})
    )
    extractor = CLIPImageProcessor.from_pretrained(
        place, **arguments, **({"subfolder": "feature_extractor"} if within else {})
    )
    return Checker(network, extractor, device, dtype)
