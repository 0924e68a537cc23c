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
from engine.local.config.parameters import SCHNELL, Parameters, parse_input
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
class InputImages:
    """The input images of a request, at working size."""

    image: Image.Image | None = None
    hole: NDArray[np.bool_] | None = None
    """The mask of pixels to repaint, height x width."""


@dataclass(frozen=True)
class _Run:
    """State shared by all images of one request."""

    model: ModelSettings
    parameters: Parameters
    images: InputImages
    loaded: Loaded
    refiner: Loaded | None
    steps: StepCallbacks
    make_preview: Callable[[Any], bytes | None] | None


def perform(
    model: ModelSettings,
    inputs: dict[str, Any],
    output: JobOutput,
    drawn_seed: int,
    store: PipelineStore,
    stop: Callable[[], bool],
) -> None:
    """Make and save all requested images; image k uses seed + k and is `out-k`.

    Raises `Refusal`, `Stopped`, and torch's exceptions.
    """
    parameters = parse_input(model, inputs, drawn_seed)
    log_settings(output, model, store, parameters.seed)
    for note in parameters.notes:
        output.log(note)
    if model.family != "sd":
        output.log(f"Prompt: {parameters.prompt}")
        output.log(_MODES[parameters.mode])
    pictures = _open(model, parameters, inputs, output)
    if parameters.lora is not None:
        loras.find(store.settings.loras, parameters.lora)  # refused before anything is loaded
    if _steps_of(parameters) < 1:
        output.log("prompt_strength leaves no step to take: the picture comes back as it is.")
    loaded = store.loaded(model, output)
    checker = store.checker(model, loaded) if parameters.check_safety else None
    if parameters.check_safety and checker is None:
        output.log("No safety checker is configured for this model: pictures are not judged.")
    refiner = _refiner(model, parameters, store, output)
    with store.lora(loaded, parameters.lora, parameters.lora_scale, output):
        steps = StepCallbacks(output, stop, _passes(parameters, refiner), parameters.count)
        run = _Run(model, parameters, pictures, loaded, refiner, steps, store.latent_preview(loaded))
        _make_all(run, checker, output, store.version)


def log_settings(output: JobOutput, model: ModelSettings, store: PipelineStore, seed: int) -> None:
    """Write the log up to the notes. The seed comes first: clients parse it."""
    output.log(f"Using seed: {seed}")
    output.log(f"Local weights: {model.title}, on {store.device_of(model)} ({store.version}).")
    output.metric("engine", "local")
    output.metric("weights", model.title)


def label_of(model: ModelSettings, engine_version: str, seed: int, source: Source, **chosen: Any) -> Label:
    """Provenance metadata of a file; the prompt is not in it."""
    return Label(
        model=model.name,
        painter=engine_version,
        seed=seed,
        settings={"weights": model.title, **chosen},
        source=source,
        tool=f"weights {model.title},",
        engine="diffusion, trained weights",
        creator="Darkroom local weights",
    )


def _make_all(run: _Run, checker: safety_checker.Checker | None, output: JobOutput, version: str) -> None:
    kept = 0
    for index in range(run.parameters.count):
        pixels = _make_one(run, index)
        run.steps.check()
        if checker is not None and checker.flags(pixels):
            output.log(f"NSFW content detected in image {index}")
        else:
            output.save(*_file(run, index, pixels, version))
            kept += 1
        run.steps.finished(index)
    if not kept:
        raise Refusal(safety_checker.ALL_FLAGGED)


def _file(run: _Run, index: int, pixels: Pixels, version: str) -> tuple[str, str, bytes]:
    """Name, content type and bytes of one image."""
    parameters = run.parameters
    height, width = pixels.shape[:2]
    source: Source = (
        "trainedAlgorithmicMedia" if parameters.mode == "text" else "compositeWithTrainedAlgorithmicMedia"
    )
    chosen: dict[str, Any] = {
        "width": width,
        "height": height,
        "num_inference_steps": parameters.steps,
        "guidance_scale": parameters.guidance,
        "scheduler": parameters.scheduler or type(run.loaded.own_scheduler).__name__,
        "output_format": parameters.format,
    }
    if parameters.mode != "text":
        chosen["prompt_strength"] = parameters.strength
    if parameters.lora is not None:
        chosen["lora_scale"] = parameters.lora_scale
    label = label_of(run.model, version, parameters.seed + index, source, **chosen)
    name = f"out-{index}.{parameters.format}"
    return (
        name,
        CONTENT_TYPES[parameters.format],
        encode(pixels, parameters.format, parameters.quality, label),
    )


def _make_one(run: _Run, index: int) -> Pixels:
    parameters = run.parameters
    if parameters.mode != "text" and _steps_of(parameters) < 1:
        # No steps are left; the diffusers pipelines would fail here.
        assert run.images.image is not None
        return np.asarray(run.images.image, np.uint8)
    noise = generator(parameters.seed + index)
    run.steps.begin(index, 0)
    latents_only = run.refiner is not None
    image = _denoise(run, noise, latents_only)
    if latents_only:
        run.steps.begin(index, 1)
        image = _refine(run, image, noise)
    return _composed(run, np.asarray(image, np.uint8))


def _denoise(run: _Run, noise: Any, latents_only: bool) -> Any:
    """One image by the main pipeline, or its latents."""
    parameters, family = run.parameters, run.model.family
    try:
        pipe = run.loaded.mode(parameters.mode)
    except Unloadable as error:
        raise refusal(run.model, error) from None
    if family != "flux":
        pipe.scheduler = schedulers.make(parameters.scheduler, run.loaded.own_scheduler)
    width, height = run.images.image.size if run.images.image else (parameters.width, parameters.height)
    arguments: dict[str, Any] = {
        "prompt": parameters.prompt,
        "num_inference_steps": parameters.steps,
        "guidance_scale": parameters.guidance,
        "generator": noise,
        "output_type": "latent" if latents_only else "pil",
        "callback_on_step_end": run.steps.callback(_preview_callback(run, pipe, width, height)),
    }
    if family == "flux":
        arguments["max_sequence_length"] = 256 if parameters.model == SCHNELL else 512
    else:
        arguments["negative_prompt"] = parameters.negative_prompt
    if parameters.mode != "image" or family == "flux":
        arguments |= {"width": width, "height": height}
    if parameters.mode != "text":
        arguments |= {"image": run.images.image, "strength": parameters.strength}
    if run.images.hole is not None:
        arguments["mask_image"] = Image.fromarray(np.where(run.images.hole, 255, 0).astype(np.uint8))
    if latents_only and parameters.refine == "expert_ensemble_refiner":
        arguments["denoising_end"] = _handover(parameters)
    found = pipe(**arguments).images
    return found if latents_only else found[0]


def _refine(run: _Run, latents: Any, noise: Any) -> Any:
    assert run.refiner is not None
    parameters, pipe = run.parameters, run.refiner.mode("image")
    pipe.scheduler = schedulers.make(parameters.scheduler, run.refiner.own_scheduler)
    arguments: dict[str, Any] = {
        "prompt": parameters.prompt,
        "negative_prompt": parameters.negative_prompt,
        "image": latents,
        "guidance_scale": parameters.guidance,
        "generator": noise,
        "num_inference_steps": parameters.steps,
        "callback_on_step_end": run.steps.callback(run.make_preview),
    }
    if parameters.refine == "expert_ensemble_refiner":
        arguments["denoising_start"] = _handover(parameters)
    else:
        arguments |= {
            "num_inference_steps": parameters.refine_steps or parameters.steps,
            "strength": REFINER_STRENGTH,
        }
    return pipe(**arguments).images[0]


def _composed(run: _Run, pixels: Pixels) -> Pixels:
    """Paste unmasked pixels back, byte for byte: the decoder changes them a little."""
    if run.images.hole is None or run.images.image is None:
        return pixels
    kept = np.asarray(run.images.image, np.uint8)
    return np.where(run.images.hole[..., None], pixels, kept)


def _preview_callback(run: _Run, pipe: Any, width: Any, height: Any) -> Callable[[Any], bytes | None] | None:
    make_preview = run.make_preview
    if make_preview is None or run.model.family != "flux":
        return make_preview
    return lambda latents: make_preview(latent_previews.unpacked(pipe, width, height, latents))


def _refiner(
    model: ModelSettings, parameters: Parameters, store: PipelineStore, output: JobOutput
) -> Loaded | None:
    """The refiner pipeline, where one is requested and configured."""
    if parameters.refine == "no_refiner":
        return None
    if not model.refiner:
        output.log("Input refine was ignored: no refiner is configured for this model.")
        return None
    return store.loaded(model, output, model.refiner)


def _handover(parameters: Parameters) -> float:
    """The share of denoising at which the refiner takes over, such that both have at least one step."""
    least = 1 / max(2, parameters.steps)
    return min(1 - least, max(least, parameters.high_noise_frac))


def _steps_of(parameters: Parameters) -> int:
    """Number of steps that the main pipeline actually takes."""
    return min(parameters.steps, int(parameters.steps * parameters.strength + 1e-9))


def _passes(parameters: Parameters, refiner: Loaded | None) -> list[int]:
    main = _steps_of(parameters)
    if refiner is None:
        return [main]
    if parameters.refine == "expert_ensemble_refiner":
        first = round(main * _handover(parameters))
        return [first, main - first]
    return [main, int((parameters.refine_steps or parameters.steps) * REFINER_STRENGTH)]


def _open(
    model: ModelSettings, parameters: Parameters, inputs: dict[str, Any], output: JobOutput
) -> InputImages:
    """The input images at working size. Raises `Refusal` naming the input."""
    if parameters.mode == "text":
        return InputImages()
    picture = helpers.picture(inputs, "image", output)
    if parameters.mode == "inpaint":
        assert parameters.width is not None and parameters.height is not None
        size = parameters.width, parameters.height
        mask = helpers.picture(inputs, "mask", output).image
        return InputImages(Image.fromarray(fitted(picture, size)), mask_from(mask, size))
    size = picture.image.size
    fit = _flux_size(size, output) if model.family == "flux" else _whole_blocks(size)
    if model.family != "flux" and fit != size:
        output.log(f"Input image of {size[0]} x {size[1]} is worked on at {fit[0]} x {fit[1]}.")
    return InputImages(Image.fromarray(fitted(picture, fit)))


def _whole_blocks(size: tuple[int, int]) -> tuple[int, int]:
    width, height = (max(_EDGE, side // 8 * 8) for side in size)
    return width, height


def _flux_size(size: tuple[int, int], output: JobOutput) -> tuple[int, int]:
    """The long side at most 1440, both sides rounded up to multiples of 16, and the log says so."""
    output.log(f"Input image size: {size[0]}x{size[1]}")
    scale = MAX_FLUX_SIDE / max(size)
    if scale < 1:
        size = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
        output.log(f"Scaling image down to {size[0]}x{size[1]}")
    width, height = (max(_EDGE, -(-side // 16) * 16) for side in size)
    output.log(f"Input image size set to: {width}x{height}")
    return width, height
