"""`python -m predictions.local`: real weights, with the settings in the environment. The workers alone load torch."""

from __future__ import annotations

import sys
from pathlib import Path

from predictions.engine import program
from predictions.engine.server import EngineError
from predictions.local import extra, service, settings
from predictions.local.reading import LocalSettingsError


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    place = program.Place.of_environment("local")
    try:
        found = settings.load(Path(program.setting("DARKROOM_LOCAL_MODELS")))
    except LocalSettingsError as error:
        raise EngineError(f"DARKROOM_LOCAL_MODELS: {error}") from None
    if missing := extra.missing():
        # It serves all the same: whoever asks for such a model is told, instead of waiting without end.
        print(extra.sentence(missing), file=sys.stderr)  # noqa: T201
    service.serve(place.socket, place.secret, place.folder, found)


if __name__ == "__main__":
    sys.exit(program.run("local", main))
