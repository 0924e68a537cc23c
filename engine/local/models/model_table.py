"""Dispatch from a model's name to the function that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.animation import stable_diffusion_animation
from engine.local.config.settings_file import ANIMATE_DIFF, ModelSettings
from engine.local.models import keyframe_animation, still_images, video_clips
from engine.local.models.pipelines import PipelineStore
from engine.protocol.job_output import JobOutput

_OTHERS = {stable_diffusion_animation.NAME: keyframe_animation.perform, ANIMATE_DIFF: video_clips.perform}


def perform(
    model: ModelSettings,
    inputs: dict[str, Any],
    output: JobOutput,
    drawn_seed: int,
    store: PipelineStore,
    stop: Callable[[], bool],
) -> None:
    """Run one request on a model. Raises `Refusal`, `Stopped`, and torch's exceptions."""
    _OTHERS.get(model.name, still_images.perform)(model, inputs, output, drawn_seed, store, stop)
