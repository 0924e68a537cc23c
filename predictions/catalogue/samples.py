"""What each model of the catalogue makes: one sample result of the embedded engine, shipped with the static files.

`manage.py samples` makes them anew. They are the engine's own work, of prompts and pictures of our own, and given away
under CC0; the list in `data/samples.json` says with which input and which version each was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

LIST = Path(__file__).parent / "data" / "samples.json"
FOLDER = "samples"
"""Where the files lie below the static files."""
LICENCE = "CC0-1.0"


@dataclass(frozen=True)
class Sample:
    """One result. Names of files are paths below the static files; sizes are in pixels."""

    ref: str
    output: str
    poster: str
    """A still picture of it: the output itself, or a video's last frame."""
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

    @property
    def see_through(self) -> bool:
        """Whether the background of the output is transparent."""
        return self.ref == "cjwbw/rembg"


def for_model(ref: str) -> Sample | None:
    """The sample of the model `owner/name`; None where it has none."""
    return _all().get(ref)


@lru_cache(maxsize=1)
def _all() -> dict[str, Sample]:
    if not LIST.exists():
        return {}
    rows = json.loads(LIST.read_text(encoding="utf-8"))["samples"]
    return {row["ref"]: Sample(**{**row, "files": tuple(row["files"])}) for row in rows}


def forget() -> None:
    """Read the list anew."""
    _all.cache_clear()
