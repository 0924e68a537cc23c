"""Sample results: one output of the embedded engine for each model, shipped with the static files.

`manage.py samples` regenerates them. They are made by the engine from our own prompts and images, under CC0; the
model's JSON records the input and the engine version of each.
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
"""The folder of the files below the static files."""
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
    """The input of the run; for an input file, its path."""
    files: tuple[str, ...]
    """Names of the inputs that are files."""
    logs: str
    painter: str
    """Version of the engine that made it."""
    see_through: bool
    """Whether the background of the output is transparent."""

    @property
    def poster(self) -> str:
        """A still image: the output itself, or a video's last frame."""
        return str(PurePosixPath(self.output).with_suffix(".webp"))

    @property
    def is_video(self) -> bool:
        """Whether the output is a video."""
        return self.content_type.startswith("video/")

    @property
    def input_files(self) -> list[tuple[str, str]]:
        """Name and path of each input that is a file."""
        return [(name, str(self.input[name])) for name in self.files]

    @property
    def words(self) -> str:
        """The prompt, or both prompts of an animation."""
        prompts = (self.input.get(name) for name in ("prompt", "prompt_start", "prompt_end"))
        return " → ".join(str(text) for text in prompts if text)


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


def _sample(model: ShippedModel, entry: dict[str, Any]) -> Sample:
    return Sample(
        ref=model.ref,
        files=tuple(name for name in published_models.picture_inputs(model.ref) if name in entry["input"]),
        see_through=model.kind == HostedModel.Kind.BACKGROUND_REMOVAL,
        **entry,
    )
