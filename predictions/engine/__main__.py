"""`python -m predictions.engine`: the embedded engine, with its settings in the environment (`program.py`)."""

from __future__ import annotations

import sys

from predictions.engine import program
from predictions.engine.server import EngineError, serve


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    place = program.Place.of_environment("engine")
    slots = program.setting("DARKROOM_ENGINE_SLOTS")
    if not slots.isdigit():
        raise EngineError("DARKROOM_ENGINE_SLOTS must be a whole number.")
    conformance = program.flag("DARKROOM_CONFORMANCE")
    serve(place.socket, place.secret, place.folder, int(slots), conformance=conformance)


if __name__ == "__main__":
    sys.exit(program.run("engine", main))
