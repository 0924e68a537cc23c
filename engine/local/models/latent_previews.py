"""Previews of unfinished latents without the VAE decoder: a linear matrix per decoder, fitted once.

Latents of these models are nearly a linear image, so the best matrix from channels to colours is found by encoding a
test image whose colours are known. That costs one small encoding and fits every decoder, whoever trained it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engine.images.encoder import PREVIEW_SIDE, encode_preview

SIDE = 256
"""Side of the test image, in pixels."""


class LatentPreview:
    """Converts latents of one decoder into preview JPEGs; returns None where it cannot."""

    def __init__(self, vae: Any) -> None:
        """Fit the matrix. A decoder that fails here gives no previews; the run continues."""
        self._matrix: NDArray[np.float32] | None = None
        try:
            with _exact(vae):
                self._matrix = _fit(vae)
        except (RuntimeError, ValueError, TypeError, AttributeError, np.linalg.LinAlgError) as error:
            print(f"local: no previews with this decoder: {error}", file=sys.stderr)  # noqa: T201

    def __call__(self, latents: Any) -> bytes | None:
        """A preview of latents, 1 x channels x height x width, or 1 x channels x frames x height x width."""
        if self._matrix is None or latents.ndim not in (4, 5):
            return None
        if latents.ndim == 5:
            latents = latents[:, :, latents.shape[2] // 2]
        values = latents[0].detach().float().cpu().numpy()
        if values.shape[0] + 1 != self._matrix.shape[0] or not np.isfinite(values).all():
            return None
        return encode_preview(_enlarged(_colours(values, self._matrix)))


@contextlib.contextmanager
def _exact(vae: Any) -> Iterator[None]:
    """Run the decoder in float32 inside the block: some (SDXL's) overflow in float16. Its weights lose nothing."""
    dtype = next(vae.parameters()).dtype
    if dtype != torch.float16:
        yield
        return
    vae.to(torch.float32)
    try:
        yield
    finally:
        vae.to(dtype)


def unpacked(pipe: Any, width: int, height: int, latents: Any) -> Any:
    """Flux latents as an image; the pipeline holds them as a row of patches."""
    return pipe._unpack_latents(latents, height, width, pipe.vae_scale_factor)


def _fit(vae: Any) -> NDArray[np.float32]:
    """The matrix, (channels + 1) x 3, by least squares."""
    picture = _test_picture()
    weight = next(vae.parameters())
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].to(weight.device, weight.dtype)
    with torch.no_grad():
        latents = vae.encode(pixels).latent_dist.mode()
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    values = ((latents - shift) * vae.config.scaling_factor)[0].float().cpu().numpy()
    if not np.isfinite(values).all():
        raise ValueError("it gives no finite numbers in this precision")
    channels, height, width = values.shape
    colours = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    known = np.concatenate([values.reshape(channels, -1).T, np.ones((height * width, 1))], axis=1)
    matrix, *_ = np.linalg.lstsq(known, colours, rcond=1e-4)
    return np.asarray(matrix, np.float32)


def _test_picture() -> NDArray[np.float32]:
    """Patches of many colours and sizes, the same in every call; -1 to 1."""
    random = np.random.default_rng(7)
    picture = np.zeros((SIDE, SIDE, 3), np.float32)
    for cells in (4, 8, 16):
        patches = random.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(patches, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture / 1.5, -1, 1)


def _colours(values: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.uint8]:
    picture = np.tensordot(values, matrix[:-1], axes=(0, 0)) + matrix[-1]
    return np.asarray(np.clip((picture + 1) * 127.5, 0, 255), np.uint8)


def _enlarged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = PREVIEW_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
