"""Random streams and noise: leaving a detail out does not move the others."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from engine.painting.noise import fbm, strip
from engine.painting.random_streams import Streams


def test_it_gives_the_same_numbers_for_the_same_name() -> None:
    streams = Streams("hills", 7)
    streams.rng("other").random(100)
    assert streams.rng("clouds").random(5).tolist() == Streams("hills", 7).rng("clouds").random(5).tolist()


@pytest.mark.parametrize("other", [Streams("hills", 8), Streams("sea", 7), Streams("hills", 7).child("x")])
def test_key_seed_and_family_change_the_numbers(other: Streams) -> None:
    assert Streams("hills", 7).rng("clouds").random(5).tolist() != other.rng("clouds").random(5).tolist()


def test_fewer_octaves_keep_the_coarse_shapes() -> None:
    fine = fbm(Streams("k", 1), "n", 128, 128, cells=3, octaves=6)
    coarse = fbm(Streams("k", 1), "n", 128, 128, cells=3, octaves=2)
    fine, coarse = (cv2.GaussianBlur(plane, (0, 0), 8) for plane in (fine, coarse))
    assert np.corrcoef(fine.ravel(), coarse.ravel())[0, 1] > 0.95


def test_noise_looks_the_same_at_every_size() -> None:
    small = fbm(Streams("k", 1), "n", 64, 96, cells=3, octaves=4)
    large = fbm(Streams("k", 1), "n", 256, 384, cells=3, octaves=4)
    large = cv2.resize(large, (96, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(small - large).mean() < 0.03


@pytest.mark.parametrize("shape", [(1, 800), (800, 1), (1, 1), (2, 3000)])
def test_noise_of_any_shape_is_finite_and_small(shape: tuple[int, int]) -> None:
    plane = fbm(Streams("k", 1), "n", *shape, cells=9, octaves=8)
    assert plane.shape == shape
    assert plane.dtype == np.float32
    assert np.isfinite(plane).all()


def test_noise_stays_about_zero_to_one() -> None:
    for ridged in (False, True):
        plane = fbm(Streams("k", 1), "n", 200, 200, cells=6, octaves=7, ridged=ridged)
        assert -0.4 < plane.min() < plane.max() < 1.4
    line = strip(Streams("k", 1), "n", 500, cells=9, octaves=4)
    assert line.shape == (500,)
    assert line.std() > 0.05
