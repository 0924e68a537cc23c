"""andreasjansson/stable-diffusion-animation with real weights: keyframes and the frames between them.

Each prompt has a keyframe, drawn from the same noise. Images between two keyframes are denoised from interpolated
latents, guided by interpolated prompt embeddings. Frames between two drawn images are made by optical flow in place of
FILM, or by interpolation of their latents.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.animation.gif_writer import GifWriter, palette_of
from engine.animation.mp4_writer import VideoWriter
from engine.animation.optical_flow import FlowInterpolation
from engine.animation.stable_diffusion_animation import NAME, Settings, parse_input
from engine.animation.timeline import Timeline
from engine.images.arrays import Pixels
from engine.images.encoder import CONTENT_TYPES, Label, encode
from engine.local.config.settings_file import ModelSettings
from engine.local.models import safety_checker, schedulers
from engine.local.models.pipeline_loader import Loaded, Unloadable, refusal
from engine.local.models.pipelines import PipelineStore, generator
from engine.local.models.step_callbacks import StepCallbacks
from engine.local.models.still_images import label_of, log_settings
from engine.protocol.job_output import JobOutput, Refusal

__all__ = ["NAME", "perform"]


DRAWING = 0.9
"""Share of the work that is drawing; the rest is interpolation and writing."""
SAMPLES = 9
MAX_INTERMEDIATE = 60
"""Maximum of drawn images published as intermediate output; of more, every n-th."""
_NEARLY_ONE = 0.9995


class _Artist:
    """Draws keyframes and the images between them. Latents are in the scale in which they are denoised."""

    def __init__(
        self,
        model: ModelSettings,
        settings: Settings,
        loaded: Loaded,
        steps: StepCallbacks,
        make_preview: Any,
    ) -> None:
        try:
            self._text, self._image = loaded.mode("text"), loaded.mode("image")
        except Unloadable as error:
            raise refusal(model, error) from None
        self._loaded, self._settings, self._steps, self._make_preview = loaded, settings, steps, make_preview
        self._scheduler = model.scheduler
        with torch.no_grad():
            self._embeddings = [
                self._text.encode_prompt(prompt, loaded.device, 1, True, negative_prompt="")
                for prompt in settings.prompts
            ]
        self._keyframes: dict[int, Any] = {}

    def at(self, place: float, index: int) -> Any:
        """The latents of drawn image `index` at this place between the prompts; call in ascending order of place."""
        before = int(place)
        self._steps.begin(index, 0)
        if place == before:
            return self.keyframe(before)
        share = place - before
        start = slerp(self.keyframe(before), self.keyframe(before + 1), share)
        if int(self._settings.steps * self._settings.strength) < 1:
            return start
        embeddings = [
            slerp(first, last, share)
            for first, last in zip(self._embeddings[before], self._embeddings[before + 1], strict=True)
        ]
        return self._draw(self._image, embeddings, image=start, strength=self._settings.strength)

    def keyframe(self, number: int) -> Any:
        """The latents of one prompt's keyframe; only the last two are kept."""
        if number not in self._keyframes:
            self._keyframes = {key: value for key, value in self._keyframes.items() if key == number - 1}
            size = {"width": self._settings.width, "height": self._settings.height}
            self._keyframes[number] = self._draw(self._text, self._embeddings[number], **size)
        return self._keyframes[number]

    def picture(self, latents: Any) -> Pixels:
        """Decode latents to pixels, height x width x 3."""
        vae = self._loaded.root.vae
        with torch.no_grad():
            decoded = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
        found = self._text.image_processor.postprocess(decoded, output_type="np")[0]
        return np.asarray(np.clip(found * 255 + 0.5, 0, 255), np.uint8)

    def _draw(self, pipe: Any, embeddings: Any, **arguments: Any) -> Any:
        pipe.scheduler = schedulers.make(self._scheduler, self._loaded.own_scheduler)
        return pipe(
            prompt_embeds=embeddings[0],
            negative_prompt_embeds=embeddings[1],
            num_inference_steps=self._settings.steps,
            guidance_scale=self._settings.guidance_scale,
            generator=generator(self._settings.seed),
            output_type="latent",
            callback_on_step_end=self._steps.callback(self._make_preview),
            **arguments,
        ).images


def perform(
    model: ModelSettings,
    inputs: dict[str, Any],
    output: JobOutput,
    drawn_seed: int,
    store: PipelineStore,
    stop: Callable[[], bool],
) -> None:
    """Draw, interpolate, write. Raises `Refusal`, `Stopped`, and torch's exceptions."""
    settings = parse_input(inputs, drawn_seed)
    timeline = settings.timeline
    log_settings(output, model, store, settings.seed)
    loaded = store.loaded(model, output)
    checker = store.checker(model, loaded)
    if checker is None:
        output.log("No safety checker is configured for this model: pictures are not judged.")
    output.log(f"Generating initial latents for {settings.steps} steps")
    steps = StepCallbacks(
        output, stop, [settings.steps], len(timeline.drawn), total=len(timeline.frames), share=DRAWING
    )
    artist = _Artist(model, settings, loaded, steps, store.latent_preview(loaded))
    label = _label(model, settings, store.version)
    drawn = _drawn(artist, settings, timeline, output, steps, label, checker)
    between = "with optical flow, in place of FILM" if settings.flowing else "from latents"
    output.log(f"Interpolating images {between}")
    _write(artist, settings, timeline, drawn, output, steps, label)


def slerp(first: Any, last: Any, share: float) -> Any:
    """Spherical linear interpolation of two tensors; linear where they are parallel."""
    one, two = first.float().flatten(), last.float().flatten()
    cosine = torch.dot(one, two) / (one.norm() * two.norm()).clamp_min(1e-12)
    if cosine.abs() > _NEARLY_ONE:
        return torch.lerp(first, last, share)
    angle = torch.arccos(cosine)
    found = (torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * two) / torch.sin(angle)
    return found.reshape(first.shape).to(first.dtype)


def _drawn(
    artist: _Artist,
    settings: Settings,
    timeline: Timeline,
    output: JobOutput,
    steps: StepCallbacks,
    label: Label,
    checker: safety_checker.Checker | None,
) -> list[Any]:
    """The latents of all drawn images, on the CPU: together they may not fit on the device."""
    output.log("Generating first and last keyframes")
    total, stretches = len(timeline.drawn), len(settings.prompts) - 1
    every = -(-total // MAX_INTERMEDIATE)
    found = []
    for index, place in enumerate(timeline.drawn):
        keyframe = min(int(place), stretches - 1)
        output.log(f"Generating frame {index - keyframe * settings.per_stretch} of keyframe {keyframe}")
        latents = artist.at(place, index)
        is_shown = settings.intermediate and index % every == 0
        is_judged = checker is not None and index in (0, total - 1)
        if is_shown or is_judged:
            picture = artist.picture(latents)
            if is_judged and checker is not None and checker.flags(picture):
                raise Refusal(safety_checker.ANIMATION_FLAGGED)
            if is_shown:
                output.save(f"output-{index}.png", CONTENT_TYPES["png"], encode(picture, "png", 0, label))
        found.append(latents.cpu())
        steps.finished(index)
    return found


def _frames(artist: _Artist, settings: Settings, timeline: Timeline, drawn: list[Any]) -> Iterator[Pixels]:
    """Every frame in order; only the two adjacent drawn images are in memory."""
    device, last = artist._loaded.device, len(drawn) - 1
    gap, between = -1, None
    for place in timeline.frames:
        index = min(int(place), last - 1) if last else 0
        first, second = drawn[index], drawn[min(index + 1, last)]
        if not settings.flowing:
            share = place - index
            exact = first if share <= 0 else second if share >= 1 else slerp(first, second, share)
            yield artist.picture(exact.to(device))
            continue
        if between is None or index != gap:
            gap = index
            between = FlowInterpolation(
                artist.picture(first.to(device)), artist.picture(second.to(device)), flowing=True
            )
        yield between.at(place - index)


def _write(
    artist: _Artist,
    settings: Settings,
    timeline: Timeline,
    drawn: list[Any],
    output: JobOutput,
    steps: StepCallbacks,
    label: Label,
) -> None:
    is_gif = settings.format == "gif"
    name, kind = ("video.gif", "image/gif") if is_gif else ("output.mp4", "video/mp4")
    output.log(f"Saving {settings.format.upper()}")
    count = len(timeline.frames)
    with _writer(artist, settings, drawn, count, output.scratch(name), label) as add:
        for index, frame in enumerate(_frames(artist, settings, timeline, drawn)):
            add(frame)
            steps.rest((index + 1) / count * 0.999)
    output.adopt(name, kind)
    steps.rest(1.0)


@contextlib.contextmanager
def _writer(
    artist: _Artist, settings: Settings, drawn: list[Any], count: int, path: Path, label: Label
) -> Iterator[Callable[[Pixels], None]]:
    if settings.format == "mp4":
        with VideoWriter(path, settings.width, settings.height, settings.fps, label, count) as video:
            yield video.add
        return
    chosen = np.unique(np.linspace(0, len(drawn) - 1, SAMPLES).round().astype(int))
    palette = palette_of([artist.picture(drawn[index].to(artist._loaded.device)) for index in chosen])
    with GifWriter(path, settings.width, settings.height, settings.fps, palette, label) as gif:
        yield gif.add


def _label(model: ModelSettings, settings: Settings, version: str) -> Label:
    return label_of(
        model,
        version,
        settings.seed,
        "trainedAlgorithmicMedia",
        width=settings.width,
        height=settings.height,
        num_inference_steps=settings.steps,
        prompt_strength=settings.strength,
        num_animation_frames=settings.per_stretch,
        num_interpolation_steps=settings.between,
        guidance_scale=settings.guidance_scale,
        gif_frames_per_second=settings.fps,
        gif_ping_pong=settings.ping_pong,
        film_interpolation=settings.flowing,
        output_format=settings.format,
    )
