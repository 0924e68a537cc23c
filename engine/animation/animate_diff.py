"""lucataco/animate-diff: a clip of a scene in motion, 16 frames (two seconds), as MP4."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from engine import painting, published_models
from engine.animation.animation_progress import AnimationProgress
from engine.animation.clip import FPS, FRAMES, Clip
from engine.animation.mp4_writer import VideoWriter
from engine.animation.prompt_transitions import FrameSettings
from engine.images.encoder import Label
from engine.images.input_images import log_engine
from engine.images.sketch_previews import SketchPreviews
from engine.painting.text_to_image import vocabulary_line
from engine.protocol.job_output import JobOutput
from engine.protocol.progress_bar import Bar
from engine.protocol.typed_input import TypedInput

NAME: Final = "lucataco/animate-diff"
SIDE: Final = 512
"""Width and height of every clip, in pixels."""
DEFAULTS: Final = published_models.defaults(NAME)
MODULES: Final = published_models.choices(NAME, "motion_module")
CHECKPOINTS: Final = published_models.choices(NAME, "path")
DESCRIPTION: Final = "it draws every frame from a word list"
_STILL: Final = 0.08
"""Share of the work of the first still."""
_OUTPUT: Final = "out.mp4"


@dataclass(frozen=True)
class Settings:
    """The validated parameters of one request."""

    prompt: str
    negative_prompt: str
    steps: int
    guidance_scale: float
    seed: int


def perform(inputs: dict[str, Any], output: JobOutput, drawn_seed: int) -> None:
    """Paint every frame and write the video. Raises `Refusal`, and whatever the painter raises."""
    settings = parse_input(inputs, drawn_seed)
    prompt = _log_settings(settings, inputs, output)
    frame_settings = FrameSettings(
        SIDE, SIDE, settings.seed,
        settings.steps / DEFAULTS["steps"], settings.guidance_scale / DEFAULTS["guidance_scale"],
    )  # fmt: skip
    with SketchPreviews(output.preview) as previews:
        progress = AnimationProgress(output, Bar(settings.steps, output.log), previews)
        progress.part(_STILL)
        clip = Clip(prompt, frame_settings, progress.at)
        progress.part(1 - _STILL)
        with VideoWriter(output.scratch(_OUTPUT), SIDE, SIDE, FPS, _label(settings), FRAMES) as video:
            for index, frame in enumerate(clip.frames()):
                video.add(frame)
                progress.at((index + 1) / FRAMES, frame)
        output.adopt(_OUTPUT, "video/mp4")
        progress.finished()
    output.log("saved to file")


def parse_input(inputs: dict[str, Any], drawn_seed: int) -> Settings:
    """The request with its defaults. Raises `Refusal` naming the invalid input."""
    typed = TypedInput({**DEFAULTS, **{name: value for name, value in inputs.items() if value is not None}})
    typed.choice("motion_module", MODULES)
    typed.choice("path", CHECKPOINTS)
    return Settings(
        prompt=typed.text("prompt"),
        negative_prompt=typed.text("n_prompt"),
        steps=typed.integer("steps", 1, 100),
        guidance_scale=typed.number("guidance_scale", 1, 10),
        seed=typed.integer("seed") if typed.has("seed") else widen_seed(drawn_seed),
    )


def widen_seed(drawn_seed: int) -> int:
    """The engine's default seed widened to four bytes, the range of the published model's seeds."""
    return int.from_bytes(hashlib.sha256(f"four bytes {drawn_seed}".encode()).digest()[:4], "big")


def _log_settings(settings: Settings, inputs: dict[str, Any], output: JobOutput) -> painting.ParsedPrompt:
    """Write the log up to the first bar; returns the interpretation of the prompt."""
    output.log(f"Using seed: {settings.seed}")
    log_engine(output, painting.VERSION, description=DESCRIPTION)
    prompt = painting.parse_prompt(settings.prompt, settings.negative_prompt)
    output.log(vocabulary_line(prompt.known, prompt.unknown))
    for name, title in (("path", "Checkpoint"), ("motion_module", "Motion module")):
        if inputs.get(name) is not None:
            output.log(f"{title} {inputs[name]} not loaded: this engine has no weights.")
    for name in [name for name in inputs if name not in {*DEFAULTS, "seed"}][:12]:
        output.log(f"Input {name[:60]!a} is unknown to {NAME} and was ignored.")
    output.log(f"sampling: {settings.prompt} ...")
    return prompt


def _label(settings: Settings) -> Label:
    chosen = {"steps": settings.steps, "guidance_scale": settings.guidance_scale}
    return Label(NAME, painting.VERSION, settings.seed, {**chosen, "width": SIDE, "height": SIDE})
