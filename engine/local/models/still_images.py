"""Still images with real weights: one request, from its `Parameters` to finished files and log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.images import input_images as helpers
from engine.images.arrays import Pixels
from engine.images.encoder import CONTENT_TYPES, Label, Source, encode
from engine.inpainting.masks import mask_from
from engine.inpainting.stable_diffusion_inpainting import fitted
from engine.local.config import loras
from engine.local.config.parameters import SCHNELL, Parameters, understand
from engine.local.config.settings_file import ModelSettings
from engine.local.models import latent_previews, safety_checker, schedulers
from engine.local.models.pipeline_loader import Loaded, Unloadable, refusal
from engine.local.models.pipelines import PipelineStore, generator
from engine.local.models.step_callbacks import StepCallbacks
from engine.protocol.job_output import JobOutput, Refusal

MAX_FLUX_SIDE = 1440
"""Longest side to which the published Flux models reduce an input image, in pixels."""
REFINER_STRENGTH = 0.3
"""Strength of `base_image_refiner` on a finished image, diffusers' default."""
_EDGE = 64
_MODES = {"text": "txt2img mode", "image": "img2img mode", "inpaint": "inpainting mode"}


@dataclass(frozen=True)
class Given:
    """The input images of a request, at working size."""

    image: Image.Image | None = None
    hole: NDArray[np.bool_] | None = None
    """The mask of pixels to repaint, height x width."""


@dataclass(frozen=True)
class _Run:
    """State shared by all images of one request."""

    model: ModelSettings
    wish: Parameters
    given: Given
    loaded: Loaded
    refiner: Loaded | None
    steps: StepCallbacks
    look: Callable[[Any], bytes | None] | None


def perform(
    model: ModelSettings,
    given: dict[str, Any],
    desk: JobOutput,
    drawn_seed: int,
    studio: PipelineStore,
    stop: Callable[[], bool],
) -> None:
    """Make and save all requested images; image k uses seed + k and is `out-k`.

    Raises `Refusal`, `Stopped`, and torch's exceptions.
    """
    wish = understand(model, given, drawn_seed)
    log_settings(desk, model, studio, wish.seed)
    for note in wish.notes:
        desk.log(note)
    if model.family != "sd":
        desk.log(f"Prompt: {wish.prompt}")
        desk.log(_MODES[wish.mode])
    pictures = _open(model, wish, given, desk)
    if wish.lora is not None:
        loras.find(studio.settings.loras, wish.lora)  # refused before anything is loaded
    if _steps_of(wish) < 1:
        desk.log("prompt_strength leaves no step to take: the picture comes back as it is.")
    loaded = studio.loaded(model, desk)
    checker = studio.checker(model, loaded) if wish.check_safety else None
    if wish.check_safety and checker is None:
        desk.log("No safety checker is configured for this model: pictures are not judged.")
    refiner = _refiner(model, wish, studio, desk)
    with studio.lora(loaded, wish.lora, wish.lora_scale, desk):
        steps = StepCallbacks(desk, stop, _passes(wish, refiner), wish.count)
        run = _Run(model, wish, pictures, loaded, refiner, steps, studio.look(loaded))
        _make_all(run, checker, desk, studio.version)


def log_settings(desk: JobOutput, model: ModelSettings, studio: PipelineStore, seed: int) -> None:
    """Write the log up to the notes. The seed comes first: clients parse it."""
    desk.log(f"Using seed: {seed}")
    desk.log(f"Local weights: {model.title}, on {studio.device_of(model)} ({studio.version}).")
    desk.metric("engine", "local")
    desk.metric("weights", model.title)


def label_of(model: ModelSettings, studio_version: str, seed: int, source: Source, **chosen: Any) -> Label:
    """Provenance metadata of a file; the prompt is not in it."""
    return Label(
        model=model.name,
        painter=studio_version,
        seed=seed,
        settings={"weights": model.title, **chosen},
        source=source,
        tool=f"weights {model.title},",
        engine="diffusion, trained weights",
        creator="Darkroom local weights",
    )


def _make_all(run: _Run, checker: safety_checker.Checker | None, desk: JobOutput, version: str) -> None:
    kept = 0
    for index in range(run.wish.count):
        pixels = _one(run, index)
        run.steps.check()
        if checker is not None and checker.flags(pixels):
            desk.log(f"NSFW content detected in image {index}")
        else:
            desk.save(*_file(run, index, pixels, version))
            kept += 1
        run.steps.finished(index)
    if not kept:
        raise Refusal(safety_checker.ALL_FLAGGED)


def _file(run: _Run, index: int, pixels: Pixels, version: str) -> tuple[str, str, bytes]:
    """Name, content type and bytes of one image."""
    wish = run.wish
    height, width = pixels.shape[:2]
    source: Source = (
        "trainedAlgorithmicMedia" if wish.mode == "text" else "compositeWithTrainedAlgorithmicMedia"
    )
    chosen: dict[str, Any] = {
        "width": width,
        "height": height,
        "num_inference_steps": wish.steps,
        "guidance_scale": wish.guidance,
        "scheduler": wish.scheduler or type(run.loaded.own_scheduler).__name__,
        "output_format": wish.format,
    }
    if wish.mode != "text":
        chosen["prompt_strength"] = wish.strength
    if wish.lora is not None:
        chosen["lora_scale"] = wish.lora_scale
    label = label_of(run.model, version, wish.seed + index, source, **chosen)
    name = f"out-{index}.{wish.format}"
    return name, CONTENT_TYPES[wish.format], encode(pixels, wish.format, wish.quality, label)


def _one(run: _Run, index: int) -> Pixels:
    wish = run.wish
    if wish.mode != "text" and _steps_of(wish) < 1:
        # No steps are left; the diffusers pipelines would fail here.
        assert run.given.image is not None
        return np.asarray(run.given.image, np.uint8)
    noise = generator(wish.seed + index)
    run.steps.begin(index, 0)
    latents_only = run.refiner is not None
    image = _denoise(run, noise, latents_only)
    if latents_only:
        run.steps.begin(index, 1)
        image = _refine(run, image, noise)
    return _composed(run, np.asarray(image, np.uint8))


def _denoise(run: _Run, noise: Any, latents_only: bool) -> Any:
    """One image by the main pipeline, or its latents."""
    wish, family = run.wish, run.model.family
    try:
        pipe = run.loaded.mode(wish.mode)
    except Unloadable as error:
        raise refusal(run.model, error) from None
    if family != "flux":
        pipe.scheduler = schedulers.make(wish.scheduler, run.loaded.own_scheduler)
    width, height = run.given.image.size if run.given.image else (wish.width, wish.height)
    arguments: dict[str, Any] = {
        "prompt": wish.prompt,
        "num_inference_steps": wish.steps,
        "guidance_scale": wish.guidance,
        "generator": noise,
        "output_type": "latent" if latents_only else "pil",
        "callback_on_step_end": run.steps.callback(_looking(run, pipe, width, height)),
    }
    if family == "flux":
        arguments["max_sequence_length"] = 256 if wish.model == SCHNELL else 512
    else:
        arguments["negative_prompt"] = wish.negative_prompt
    if wish.mode != "image" or family == "flux":
        arguments |= {"width": width, "height": height}
    if wish.mode != "text":
        arguments |= {"image": run.given.image, "strength": wish.strength}
    if run.given.hole is not None:
        arguments["mask_image"] = Image.fromarray(np.where(run.given.hole, 255, 0).astype(np.uint8))
    if latents_only and wish.refine == "expert_ensemble_refiner":
        arguments["denoising_end"] = _handover(wish)
    found = pipe(**arguments).images
    return found if latents_only else found[0]


def _refine(run: _Run, latents: Any, noise: Any) -> Any:
    assert run.refiner is not None
    wish, pipe = run.wish, run.refiner.mode("image")
    pipe.scheduler = schedulers.make(wish.scheduler, run.refiner.own_scheduler)
    arguments: dict[str, Any] = {
        "prompt": wish.prompt,
        "negative_prompt": wish.negative_prompt,
        "image": latents,
        "guidance_scale": wish.guidance,
        "generator": noise,
        "num_inference_steps": wish.steps,
        "callback_on_step_end": run.steps.callback(run.look),
    }
    if wish.refine == "expert_ensemble_refiner":
        arguments["denoising_start"] = _handover(wish)
    else:
        arguments |= {
            "num_inference_steps": wish.refine_steps or wish.steps,
            "strength": REFINER_STRENGTH,
        }
    return pipe(**arguments).images[0]


def _composed(run: _Run, pixels: Pixels) -> Pixels:
    """Paste unmasked pixels back, byte for byte: the decoder changes them a little."""
    if run.given.hole is None or run.given.image is None:
        return pixels
    kept = np.asarray(run.given.image, np.uint8)
    return np.where(run.given.hole[..., None], pixels, kept)


def _looking(run: _Run, pipe: Any, width: Any, height: Any) -> Callable[[Any], bytes | None] | None:
    look = run.look
    if look is None or run.model.family != "flux":
        return look
    return lambda latents: look(latent_previews.unpacked(pipe, width, height, latents))


def _refiner(model: ModelSettings, wish: Parameters, studio: PipelineStore, desk: JobOutput) -> Loaded | None:
    """The refiner pipeline, where one is requested and configured."""
    if wish.refine == "no_refiner":
        return None
    if not model.refiner:
        desk.log("Input refine was ignored: no refiner is configured for this model.")
        return None
    return studio.loaded(model, desk, model.refiner)


def _handover(wish: Parameters) -> float:
    """The share of denoising at which the refiner takes over, such that both have at least one step."""
    least = 1 / max(2, wish.steps)
    return min(1 - least, max(least, wish.high_noise_frac))


def _steps_of(wish: Parameters) -> int:
    """Number of steps that the main pipeline actually takes."""
    return min(wish.steps, int(wish.steps * wish.strength + 1e-9))


def _passes(wish: Parameters, refiner: Loaded | None) -> list[int]:
    main = _steps_of(wish)
    if refiner is None:
        return [main]
    if wish.refine == "expert_ensemble_refiner":
        first = round(main * _handover(wish))
        return [first, main - first]
    return [main, int((wish.refine_steps or wish.steps) * REFINER_STRENGTH)]


def _open(model: ModelSettings, wish: Parameters, given: dict[str, Any], desk: JobOutput) -> Given:
    """The input images at working size. Raises `Refusal` naming the input."""
    if wish.mode == "text":
        return Given()
    picture = helpers.picture(given, "image", desk)
    if wish.mode == "inpaint":
        assert wish.width is not None and wish.height is not None
        size = wish.width, wish.height
        mask = helpers.picture(given, "mask", desk).image
        return Given(Image.fromarray(fitted(picture, size)), mask_from(mask, size))
    size = picture.image.size
    fit = _flux_size(size, desk) if model.family == "flux" else _whole_blocks(size)
    if model.family != "flux" and fit != size:
        desk.log(f"Input image of {size[0]} x {size[1]} is worked on at {fit[0]} x {fit[1]}.")
    return Given(Image.fromarray(fitted(picture, fit)))


def _whole_blocks(size: tuple[int, int]) -> tuple[int, int]:
    width, height = (max(_EDGE, side // 8 * 8) for side in size)
    return width, height


def _flux_size(size: tuple[int, int], desk: JobOutput) -> tuple[int, int]:
    """The long side at most 1440, both sides rounded up to multiples of 16, and the log says so."""
    desk.log(f"Input image size: {size[0]}x{size[1]}")
    scale = MAX_FLUX_SIDE / max(size)
    if scale < 1:
        size = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
        desk.log(f"Scaling image down to {size[0]}x{size[1]}")
    width, height = (max(_EDGE, -(-side // 16) * 16) for side in size)
    desk.log(f"Input image size set to: {width}x{height}")
    return width, height
