"""andreasjansson/stable-diffusion-animation: from one prompt to the next, as GIF or MP4.

Where the prompts name the same things, the painter paints the images in between; otherwise one image morphs into the
other. Frames between two drawn images are interpolated along their optical flow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from engine import painting, published_models
from engine.animation.animation_progress import AnimationProgress
from engine.animation.gif_writer import GifWriter, palette_of
from engine.animation.mp4_writer import VideoWriter
from engine.animation.optical_flow import FlowInterpolation
from engine.animation.prompt_transitions import FrameSettings, PromptPath
from engine.animation.timeline import Timeline, adjust_to_strength, plan
from engine.images.arrays import Pixels
from engine.images.encoder import CONTENT_TYPES, Label, encode
from engine.images.input_images import log_engine
from engine.images.sketch_previews import SketchPreviews
from engine.painting.text_to_image import vocabulary_line
from engine.protocol.job_output import JobOutput, Refusal
from engine.protocol.progress_bar import Bar
from engine.protocol.typed_input import TypedInput

NAME: Final = "andreasjansson/stable-diffusion-animation"
DEFAULTS: Final = published_models.defaults(NAME)
WIDTHS: Final = published_models.choices(NAME, "width")
HEIGHTS: Final = published_models.choices(NAME, "height")
MAX_FRAMES: Final = 6401
"""Maximum of frames of an animation: the most that two prompts can request."""
MAX_DRAWN: Final = 400
MAX_INTERMEDIATE: Final = 60
"""Maximum of drawn images published as intermediate output; of more, every n-th."""
DRAWING: Final = 0.75
"""Share of the work that is drawing; the rest is interpolation and writing."""
DESCRIPTION: Final = "it draws pictures from a word list and lets one turn into the next"
_SAMPLES = 9
_DRAWN: Final = "output-{}.png"


@dataclass(frozen=True)
class Settings:
    """The validated parameters of one request. Sizes in pixels."""

    prompts: tuple[str, ...]
    width: int
    height: int
    steps: int
    strength: float
    per_stretch: int
    between: int
    guidance_scale: float
    fps: int
    ping_pong: bool
    flowing: bool
    intermediate: bool
    seed: int
    format: str

    @property
    def timeline(self) -> Timeline:
        """The timeline of the animation. Raises `Refusal` where it is too long."""
        timeline = plan(
            len(self.prompts), self.per_stretch, self.between,
            there_and_back=self.ping_pong, flowing=self.flowing,
        )  # fmt: skip
        if len(timeline.frames) > MAX_FRAMES or len(timeline.drawn) > MAX_DRAWN:
            raise Refusal(
                f"This animation would have {len(timeline.drawn)} drawn pictures and {len(timeline.frames)} frames; "
                f"at most {MAX_DRAWN} and {MAX_FRAMES} are made here."
            )
        return timeline


def perform(inputs: dict[str, Any], output: JobOutput, drawn_seed: int) -> None:
    """Draw, interpolate, write. Raises `Refusal`, and whatever the painter raises."""
    settings = parse_input(inputs, drawn_seed)
    timeline = settings.timeline
    prompts = _log_settings(settings, output)
    for name in [name for name in inputs if name not in {*DEFAULTS, "prompt_start", "prompt_end", "seed"}][
        :12
    ]:
        output.log(f"Input {name[:60]!a} is unknown to {NAME} and was ignored.")
    with SketchPreviews(output.preview) as previews:
        progress = AnimationProgress(output, Bar(len(timeline.frames), output.log), previews)
        drawn = _drawn(settings, timeline, prompts, output, progress)
        progress.part(1 - DRAWING)
        output.log(
            "Interpolating images by optical flow, in place of FILM"
            if settings.flowing
            else "Interpolating images by fading, in place of latents"
        )
        _write(settings, timeline, drawn, output, progress)
        progress.finished()


def parse_input(inputs: dict[str, Any], drawn_seed: int) -> Settings:
    """The request with its defaults. Raises `Refusal` naming the invalid input."""
    typed = TypedInput({**DEFAULTS, **{name: value for name, value in inputs.items() if value is not None}})
    width, height = typed.integer("width"), typed.integer("height")
    if width not in WIDTHS or height not in HEIGHTS:
        raise Refusal(f"The size must be one of {WIDTHS} by {HEIGHTS} pixels, not {width} x {height}.")
    endings = [part.strip() for part in typed.text("prompt_end").split("|")]
    if len(endings) > MAX_DRAWN:
        raise Refusal(f"Input prompt_end may name at most {MAX_DRAWN} prompts.")
    return Settings(
        prompts=(typed.text("prompt_start"), *endings),
        width=width,
        height=height,
        steps=typed.integer("num_inference_steps", 1, 500),
        strength=typed.number("prompt_strength", 0, 1),
        per_stretch=typed.integer("num_animation_frames", 2, 50),
        between=typed.integer("num_interpolation_steps", 1, 50),
        guidance_scale=typed.number("guidance_scale", 1, 20),
        fps=typed.integer("gif_frames_per_second", 1, 50),
        ping_pong=typed.flag("gif_ping_pong"),
        flowing=typed.flag("film_interpolation"),
        intermediate=typed.flag("intermediate_output"),
        seed=typed.integer("seed") if typed.has("seed") else drawn_seed,
        format=typed.choice("output_format", ("gif", "mp4")),
    )


def _log_settings(settings: Settings, output: JobOutput) -> list[painting.ParsedPrompt]:
    """Write the log up to the first bar; returns the interpretation of each prompt."""
    output.log(f"Using seed: {settings.seed}")
    log_engine(output, painting.VERSION, description=DESCRIPTION)
    prompts = [painting.parse_prompt(text) for text in settings.prompts]
    for prompt in dict.fromkeys(prompts):
        output.log(vocabulary_line(prompt.known, prompt.unknown))
    return prompts


def _drawn(
    settings: Settings,
    timeline: Timeline,
    prompts: list[painting.ParsedPrompt],
    output: JobOutput,
    progress: AnimationProgress,
) -> list[bytes]:
    """The drawn images, each as a PNG without metadata: decoded they may not fit in memory together."""
    output.log("Generating first and last keyframes" if len(prompts) == 2 else "Generating keyframes")
    stretches, total = len(prompts) - 1, len(timeline.drawn)
    frame_settings = FrameSettings(
        settings.width, settings.height, settings.seed,
        settings.steps / DEFAULTS["num_inference_steps"], settings.guidance_scale / DEFAULTS["guidance_scale"],
    )  # fmt: skip
    path = PromptPath(
        prompts, frame_settings, settings.per_stretch, lambda fraction, canvas: progress.at(0.0, canvas)
    )
    every = -(-total // MAX_INTERMEDIATE)
    if settings.intermediate and every > 1:
        output.log(f"Of {total} drawn pictures every {every}th is given out.")
    found = []
    for index, place in enumerate(timeline.drawn):
        progress.part(DRAWING / total)
        keyframe = min(int(place), stretches - 1)
        output.log(f"Generating frame {index - keyframe * settings.per_stretch} of keyframe {keyframe}")
        picture = path.at(adjust_to_strength(place, stretches, settings.strength))
        found.append(_packed(picture))
        if settings.intermediate and index % every == 0:
            data = encode(picture, "png", 0, _label(settings))
            output.save(_DRAWN.format(index), CONTENT_TYPES["png"], data)
        progress.at(1.0, picture)
    return found


def _frames(timeline: Timeline, drawn: list[bytes], *, flowing: bool) -> Iterator[Pixels]:
    """Every frame in order; only the two adjacent drawn images are decoded."""
    last = len(drawn) - 1
    gap, between = -1, None
    for place in timeline.frames:
        index = min(int(place), last - 1) if last else 0
        if between is None or index != gap:
            gap = index
            between = FlowInterpolation(
                _opened(drawn[index]), _opened(drawn[min(index + 1, last)]), flowing=flowing
            )
        yield between.at(place - index)


def _write(
    settings: Settings, timeline: Timeline, drawn: list[bytes], output: JobOutput, progress: AnimationProgress
) -> None:
    gif = settings.format == "gif"
    name, kind = ("video.gif", "image/gif") if gif else ("output.mp4", "video/mp4")
    output.log(f"Saving {settings.format.upper()}")
    count = len(timeline.frames)
    with _writer(settings, drawn, count, output.scratch(name)) as add:
        for index, frame in enumerate(_frames(timeline, drawn, flowing=settings.flowing)):
            add(frame)
            progress.at((index + 1) / count, frame)
    output.adopt(name, kind)


@contextlib.contextmanager
def _writer(
    settings: Settings, drawn: list[bytes], count: int, path: Any
) -> Iterator[Callable[[Pixels], None]]:
    label = _label(settings)
    if settings.format == "mp4":
        with VideoWriter(path, settings.width, settings.height, settings.fps, label, count) as video:
            yield video.add
        return
    chosen = np.unique(np.linspace(0, len(drawn) - 1, _SAMPLES).round().astype(int))
    palette = palette_of([_opened(drawn[index]) for index in chosen])
    with GifWriter(path, settings.width, settings.height, settings.fps, palette, label) as gif:
        yield gif.add


def _packed(picture: Pixels) -> bytes:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise MemoryError
    return data.tobytes()


def _opened(data: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _label(settings: Settings) -> Label:
    chosen = {
        "width": settings.width,
        "height": settings.height,
        "num_inference_steps": settings.steps,
        "prompt_strength": settings.strength,
        "num_animation_frames": settings.per_stretch,
        "num_interpolation_steps": settings.between,
        "guidance_scale": settings.guidance_scale,
        "gif_frames_per_second": settings.fps,
        "gif_ping_pong": settings.ping_pong,
        "film_interpolation": settings.flowing,
        "output_format": settings.format,
    }
    return Label(NAME, painting.VERSION, settings.seed, chosen)
