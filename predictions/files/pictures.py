"""Probing and thumbnails, in a child process with limits: no picture is ever decoded in a worker or web process."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from predictions.running import leash

MEMORY = 2 * 1024**3
CPU_S = 20
WALL_S = 25.0


class NotAPicture(Exception):
    """The file cannot be read as what it says it is; the text names the reason."""


@dataclass(frozen=True)
class Thumbnail:
    """A smaller picture made of a file, in pixels. Its path ends in the extension of its type."""

    path: Path
    content_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Look:
    """What a file is. `small` and `medium` are its thumbnails, or None where there are none."""

    content_type: str
    width: int | None
    height: int | None
    small: Thumbnail | None
    medium: Thumbnail | None
    colour: str
    blur: str


def look(path: Path, folder: Path) -> Look:
    """Look at a file; thumbnails go into `folder`. Raises NotAPicture, also where the child died of it."""
    command = [sys.executable, "-m", "predictions.files.picture_child", str(path), str(folder)]
    try:
        done = subprocess.run(
            command,
            cwd=settings.BASE_DIR,
            capture_output=True,
            timeout=WALL_S,
            preexec_fn=_limits,
            env={"PATH": os.environ.get("PATH", ""), "VIPS_CONCURRENCY": "1", "VIPS_WARNING": "0"},
            pass_fds=leash.fds(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotAPicture("it took too long to read") from None
    if done.returncode != 0:
        raise NotAPicture("its reader stopped unexpectedly")
    found: dict[str, Any] = json.loads(done.stdout)
    if "error" in found:
        raise NotAPicture(found["error"])
    return Look(
        content_type=found["content_type"],
        width=found.get("width"),
        height=found.get("height"),
        small=_thumbnail(found.get("small"), folder),
        medium=_thumbnail(found.get("medium"), folder),
        colour=found.get("colour", ""),
        blur=found.get("blur", ""),
    )


def _thumbnail(found: dict[str, Any] | None, folder: Path) -> Thumbnail | None:
    return Thumbnail(**{**found, "path": folder / found["path"]}) if found else None


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
