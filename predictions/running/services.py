"""The engine and the service of local weights as programs: command line and environment, from Django's settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from django.conf import settings
from django.core.management.base import CommandError

from predictions.engine import program
from predictions.engine.program import Place


def engine(place: Place) -> tuple[list[str], dict[str, str]]:
    """What starts the engine: `argv`, and what is added to the environment."""
    own = {
        "DARKROOM_ENGINE_SLOTS": str(settings.ENGINE["slots"]),
        "DARKROOM_CONFORMANCE": "1" if settings.CONFORMANCE else "0",
    }
    return program.command("predictions.engine"), {**_shared(), **place.environment(), **own}


def local(place: Place) -> tuple[list[str], dict[str, str]]:
    """What starts the service of local weights."""
    own = {"DARKROOM_LOCAL_MODELS": str(settings.LOCAL["models"])}
    return program.command("predictions.local"), {**_shared(), **place.environment(), **own}


def become(name: str, purpose: str) -> NoReturn:
    """Turn this process of Django's into that program. Raises `CommandError` where the environment has no secret."""
    secret = os.environ.get(f"DARKROOM_{name.upper()}_SECRET", "")
    if not secret:
        raise CommandError(f"DARKROOM_{name.upper()}_SECRET is not set: {purpose} would answer nobody.")
    folder = getattr(settings, name.upper())["folder"]
    socket = os.environ.get(f"DARKROOM_{name.upper()}_SOCKET") or folder / "run" / f"{name}.sock"
    place = Place(name, Path(socket), secret, folder / "work")
    argv, environment = {"engine": engine, "local": local}[name](place)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execve(argv[0], argv, {**os.environ, **environment})  # noqa: S606


def _shared() -> dict[str, str]:
    return {"DARKROOM_LOG_LEVEL": settings.LOGGING["root"]["level"], **program.python_path()}
