"""lucataco/animate-diff with real weights: a checkpoint, a motion module, sixteen frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np

from engine.animation.animate_diff import DEFAULTS, SIDE, parse_input
from engine.animation.clip import FPS, FRAMES
from engine.animation.mp4_writer import VideoWriter
from engine.local.config.settings_file import LocalSettings, ModelSettings, is_path
from engine.local.models import safety_checker, schedulers
from engine.local.models.pipeline_loader import Loaded, Unloadable, refusal
from engine.local.models.pipelines import PipelineStore, generator
from engine.local.models.step_callbacks import StepCallbacks
from engine.local.models.still_images import label_of, log_settings
from engine.protocol.job_output import JobOutput, Refusal

_OUTPUT = "out.mp4"
_DRAWING = 0.95
# Scheduler settings that the motion modules were trained with.
_NOISE = {"beta_schedule": "linear", "steps_offset": 1, "clip_sample": False, "timestep_spacing": "linspace"}


def perform(
    model: ModelSettings,
    inputs: dict[str, Any],
    output: JobOutput,
    drawn_seed: int,
    store: PipelineStore,
    stop: Callable[[], bool],
) -> None:
    """Draw all frames together and write the video. Raises `Refusal`, `Stopped`, and torch's exceptions."""
    settings = parse_input(inputs, drawn_seed)
    weights = _named(inputs, "path", model.checkpoints) or model.weights
    module = _named(inputs, "motion_module", model.motion_modules) or next(
        iter(model.motion_modules.values())
    )
    if weights != model.weights:
        model = replace(model, title=Path(weights).name)
    log_settings(output, model, store, settings.seed)
    _log_missing_weights(model, inputs, output)
    for name in [name for name in inputs if name not in {*DEFAULTS, "seed"}][:12]:
        output.log(f"Input {name[:60]!a} is unknown to {model.name} and was ignored.")
    loaded = store.loaded(model, output, weights)
    pipe = _pipeline(model, loaded, module, store.settings)
    checker = store.checker(model, loaded) if model.safety_checker not in ("auto", "off") else None
    output.log(f"sampling: {settings.prompt} ...")
    steps = StepCallbacks(output, stop, [settings.steps], 1, share=_DRAWING)
    steps.begin(0, 0)
    frames = pipe(
        prompt=settings.prompt,
        negative_prompt=settings.negative_prompt,
        num_frames=FRAMES,
        width=SIDE,
        height=SIDE,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        generator=generator(settings.seed),
        output_type="pil",
        callback_on_step_end=steps.callback(store.latent_preview(loaded)),
    ).frames[0]
    pictures = [np.asarray(frame.convert("RGB"), np.uint8) for frame in frames]
    if checker is not None and any(checker.flags(picture) for picture in pictures[:: FRAMES // 4]):
        raise Refusal(safety_checker.ANIMATION_FLAGGED)
    label = label_of(
        model,
        store.version,
        settings.seed,
        "trainedAlgorithmicMedia",
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        width=SIDE,
        height=SIDE,
    )
    with VideoWriter(output.scratch(_OUTPUT), SIDE, SIDE, FPS, label, FRAMES) as video:
        for index, picture in enumerate(pictures):
            video.add(picture)
            steps.rest((index + 1) / FRAMES * 0.999)
    output.adopt(_OUTPUT, "video/mp4")
    steps.rest(1.0)
    output.log("saved to file")


def _named(inputs: dict[str, Any], name: str, available: dict[str, str]) -> str | None:
    """The weights named by an input or its default, where this server has them."""
    return available.get(inputs.get(name) or DEFAULTS[name])


def _log_missing_weights(model: ModelSettings, inputs: dict[str, Any], output: JobOutput) -> None:
    for name, available in (("path", model.checkpoints), ("motion_module", model.motion_modules)):
        if _named(inputs, name, available) is None:
            output.log(
                f"{inputs.get(name) or DEFAULTS[name]} is not on this server: another is used in its place."
            )


def _pipeline(model: ModelSettings, loaded: Loaded, module: str, settings: LocalSettings) -> Any:
    """The checkpoint's pipeline with the motion module, cached beside the checkpoint itself."""
    if module not in loaded.more:
        try:
            adapter = _adapter(module, loaded, settings)
            found = diffusers.AnimateDiffPipeline.from_pipe(
                loaded.root, motion_adapter=adapter, dtype=loaded.dtype
            )
            if loaded.source.offload == "none":
                found.to(loaded.device)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise refusal(model, Unloadable(f"the motion module {module}: {error}")) from None
        loaded.more[module] = found
    pipe = loaded.prepared(loaded.more[module])
    pipe.vae.enable_slicing()
    pipe.scheduler = schedulers.make(model.scheduler or "DDIM", loaded.own_scheduler, **_NOISE)
    return pipe


def _adapter(module: str, loaded: Loaded, settings: LocalSettings) -> Any:
    common = {"dtype": loaded.dtype, "local_files_only": not settings.downloads}
    if is_path(module) and module.endswith(".safetensors"):
        return diffusers.MotionAdapter.from_single_file(module, **common)
    return diffusers.MotionAdapter.from_pretrained(module, use_safetensors=True, **common)
