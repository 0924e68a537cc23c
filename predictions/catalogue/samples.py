"""What each model of the catalogue makes: one sample result of the embedded engine, shipped with the static files.

`manage.py samples` makes them anew. They are the engine's own work, of prompts and pictures of our own, and given away
under CC0; the model's JSON says with which input and which version of the engine each was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from engine import published_models
from predictions.catalogue import shipped_models
from predictions.catalogue.shipped_models import ShippedModel
from predictions.models import HostedModel

FOLDER = "samples"
"""Where the files lie below the static files."""
LICENCE = "CC0-1.0"


@dataclass(frozen=True)
class Sample:
    """One result. Names of files are paths below the static files; sizes are in pixels."""

    ref: str
    output: str
    content_type: str
    width: int
    height: int
    input: dict[str, Any]
    """What was asked; an input that is a file is the file's path."""
    files: tuple[str, ...]
    """Names of the inputs that are files."""
    logs: str
    painter: str
    """Version of what made it."""
    see_through: bool
    """Whether the background of the output is transparent."""

    @property
    def poster(self) -> str:
        """A still picture of it: the output itself, or a video's last frame."""
        return str(PurePosixPath(self.output).with_suffix(".webp"))

    @property
    def is_video(self) -> bool:
        """Whether the output moves."""
        return self.content_type.startswith("video/")

    @property
    def given_files(self) -> list[tuple[str, str]]:
        """Name and path of each input that is a file."""
        return [(name, str(self.input[name])) for name in self.files]

    @property
    def words(self) -> str:
        """The prompt, or both prompts of an animation."""
        told = (self.input.get(name) for name in ("prompt", "prompt_start", "prompt_end"))
        return " → ".join(str(text) for text in told if text)


def for_model(ref: str) -> Sample | None:
    """The sample of the model `owner/name`; None where it has none, or none was made yet."""
    return _all().get(ref)


@cache
def _all() -> dict[str, Sample]:
    return {
        model.ref: _sample(model, model.sample)
        for model in shipped_models.all_models()
        if model.sample is not None and "output" in model.sample
    }


def _sample(model: ShippedModel, made: dict[str, Any]) -> Sample:
    return Sample(
        ref=model.ref,
        files=tuple(name for name in published_models.picture_inputs(model.ref) if name in made["input"]),
        see_through=model.kind == HostedModel.Kind.BACKGROUND_REMOVAL,
        **made,
    )
