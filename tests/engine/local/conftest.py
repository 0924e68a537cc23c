"""Fixtures for tests with real pipelines: weights built once, and a store with warm pipelines."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.local.config.settings_file import LocalSettings, parse
from tests.engine.local import tiny_weights
from tests.engine.local.output_events import RecordedRun, never, recorded_output

if TYPE_CHECKING:
    from engine.local.models.pipelines import PipelineStore

INSIST = "DARKROOM_TEST_LOCAL"
"""The variable with which a missing extra is an error."""
SD = "stability-ai/stable-diffusion"
SDXL = "stability-ai/sdxl"
DEV, SCHNELL = "lucataco/flux-dev-lora", "lucataco/flux-schnell-lora"
FILE: dict[str, Any] = {
    "loras": {"folder": "./loras", "names": {"https://x.example/other.safetensors": "./sd_lora"}},
    "models": {
        SD: {"weights": "./sd"},
        f"{SD}-img2img": {"weights": "./sd"},
        f"{SD}-inpainting": {"weights": "./inpainting"},
        SDXL: {"weights": "./sdxl", "refiner": "./refiner"},
        DEV: {"weights": "./flux", "title": "Tiny Flux"},
        SCHNELL: {"weights": "./flux"},
        "andreasjansson/stable-diffusion-animation": {"weights": "./sd"},
        "lucataco/animate-diff": {
            "weights": "./sd",
            "checkpoints": {"lyriel_v16.safetensors": "./lenient"},
            "motion_modules": {"mm_sd_v15": "./motion"},
        },
    },
}
"""The operator's file for the tiny weights."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip these tests without the extra; `script/test-local` requires it."""
    if INSIST not in os.environ and importlib.util.find_spec("torch") is None:
        why = pytest.mark.skip(reason="needs the extra `local`: script/test-local")
        for item in items:
            if item.get_closest_marker("local"):
                item.add_marker(why)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every set of tiny weights."""
    folder = tmp_path_factory.mktemp("weights")
    tiny_weights.build(folder)
    return folder


@pytest.fixture(scope="session")
def settings(weights: Path) -> LocalSettings:
    """The operator's settings for these weights."""
    return parse({**FILE, "keep": 8}, weights)


@pytest.fixture(scope="session")
def store(settings: LocalSettings) -> PipelineStore:
    """A pipeline store that stays warm for all tests."""
    from engine.local.models.pipelines import PipelineStore

    return PipelineStore(settings, "cpu", workers=64)  # one thread: tiny networks gain nothing from more


Make = Callable[..., RecordedRun]


@pytest.fixture
def make(store: PipelineStore, tmp_path: Path) -> Make:
    """A function that runs a model on the shared store, or on another one, and returns its recorded output."""
    from engine.local.models.model_table import perform

    numbers = itertools.count()

    def perform_model(
        model: str, *, at: PipelineStore | None = None, stop: Callable[[], bool] = never, **inputs: Any
    ) -> RecordedRun:
        pipelines = at or store
        with recorded_output(tmp_path / str(next(numbers))) as (output, run):
            perform(pipelines.settings.models[model], inputs, output, 77, pipelines, stop)
        return run

    return perform_model


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """A small picture with colours in it, 96 x 136 pixels."""
    rows, columns = np.mgrid[0:96, 0:136]
    channels = [rows * 2, columns, (rows + columns) % 256]
    return np.stack(channels, axis=-1).astype(np.uint8)
