"""lucataco/animate-diff: two seconds of a scene in motion, as MP4."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from predictions.engine import paint
from predictions.engine.asked import Asked
from predictions.engine.desk import Desk
from predictions.engine.developing import Developing
from predictions.engine.encode import Label
from predictions.engine.given import say_engine
from predictions.engine.motion.clip import FPS, FRAMES, Clip
from predictions.engine.motion.prompts import Brush
from predictions.engine.motion.showing import Showing
from predictions.engine.motion.video import VideoWriter
from predictions.engine.progress import Bar
from predictions.engine.text_to_image import understood

NAME: Final = "lucataco/animate-diff"
SIDE: Final = 512
"""Pixels of every clip, across and down."""
DEFAULTS: Final[dict[str, Any]] = {
    "motion_module": "mm_sd_v14",
    "path": "toonyou_beta3.safetensors",
    "prompt": "masterpiece, best quality, 1girl, solo, cherry blossoms, hanami, pink flower, white flower, "
    "spring season, wisteria, petals, flower, plum blossoms, outdoors, falling petals, white hair, black eyes",
    "n_prompt": "",
    "steps": 25,
    "guidance_scale": 7.5,
}
MODULES: Final = ("mm_sd_v14", "mm_sd_v15", "mm_sd_v15_v2")
CHECKPOINTS: Final = (
    "toonyou_beta3.safetensors",
    "lyriel_v16.safetensors",
    "rcnzCartoon3d_v10.safetensors",
    "majicmixRealistic_v5Preview.safetensors",
    "realisticVisionV40_v20Novae.safetensors",
)
DOES: Final = "it draws every frame from a word list"
_STILL: Final = 0.08
"""Share of the work that is the first still."""
_OUTPUT: Final = "out.mp4"


@dataclass(frozen=True)
class Settings:
    """One request, understood."""

    prompt: str
    negative_prompt: str
    steps: int
    guidance_scale: float
    seed: int


def perform(given: dict[str, Any], desk: Desk, drawn_seed: int) -> None:
    """Paint every frame and write the film. Raises `Refusal`, and whatever the painter raises."""
    settings = understand_input(given, drawn_seed)
    meant = _say(settings, given, desk)
    brush = Brush(
        SIDE, SIDE, settings.seed,
        settings.steps / DEFAULTS["steps"], settings.guidance_scale / DEFAULTS["guidance_scale"],
    )  # fmt: skip
    with Developing(desk.preview) as shown:
        showing = Showing(desk, Bar(settings.steps, desk.log), shown)
        showing.part(_STILL)
        clip = Clip(meant, brush, showing.at)
        showing.part(1 - _STILL)
        with VideoWriter(desk.scratch(_OUTPUT), SIDE, SIDE, FPS, _label(settings), FRAMES) as video:
            for index, frame in enumerate(clip.frames()):
                video.add(frame)
                showing.at((index + 1) / FRAMES, frame)
        desk.adopt(_OUTPUT, "video/mp4")
        showing.finished()
    desk.log("saved to file")


def understand_input(given: dict[str, Any], drawn_seed: int) -> Settings:
    """The request with its defaults. Raises `Refusal` naming what cannot be."""
    asked = Asked({**DEFAULTS, **{name: value for name, value in given.items() if value is not None}})
    asked.choice("motion_module", MODULES)
    asked.choice("path", CHECKPOINTS)
    return Settings(
        prompt=asked.text("prompt"),
        negative_prompt=asked.text("n_prompt"),
        steps=asked.integer("steps", 1, 100),
        guidance_scale=asked.number("guidance_scale", 1, 10),
        seed=asked.integer("seed") if asked.has("seed") else widened(drawn_seed),
    )


def widened(drawn_seed: int) -> int:
    """The published model draws its seeds from four bytes: one of these for each that the engine draws."""
    return int.from_bytes(hashlib.sha256(f"four bytes {drawn_seed}".encode()).digest()[:4], "big")


def _say(settings: Settings, given: dict[str, Any], desk: Desk) -> paint.Understanding:
    """The log up to the first bar; what was understood of the prompt."""
    desk.log(f"Using seed: {settings.seed}")
    say_engine(desk, paint.VERSION, does=DOES)
    meant = paint.understand(settings.prompt, settings.negative_prompt)
    desk.log(understood(meant.known, meant.unknown))
    for name, what in (("path", "Checkpoint"), ("motion_module", "Motion module")):
        if given.get(name) is not None:
            desk.log(f"{what} {given[name]} not loaded: this engine has no weights.")
    for name in [name for name in given if name not in {*DEFAULTS, "seed"}][:12]:
        desk.log(f"Input {name[:60]!a} is unknown to {NAME} and was ignored.")
    desk.log(f"sampling: {settings.prompt} ...")
    return meant


def _label(settings: Settings) -> Label:
    chosen = {"steps": settings.steps, "guidance_scale": settings.guidance_scale}
    return Label(NAME, paint.VERSION, settings.seed, {**chosen, "width": SIDE, "height": SIDE})
