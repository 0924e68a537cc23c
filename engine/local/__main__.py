"""`python -m engine.local`: start the service of local models. Only the worker processes load torch."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.local import service
from engine.local.config import settings_file
from engine.local.config.settings_table import LocalSettingsError
from engine.protocol import service_address
from engine.protocol.service_address import EngineError
from engine.server import program


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    place = service_address.ServiceAddress.of_environment("local")
    try:
        found = settings_file.load(Path(service_address.required_variable("DARKROOM_LOCAL_MODELS")))
    except LocalSettingsError as error:
        raise EngineError(f"DARKROOM_LOCAL_MODELS: {error}") from None
    if missing := settings_file.missing_packages():
        # It serves all the same: requests for such a model fail with a message instead of waiting without end.
        print(settings_file.install_hint(missing), file=sys.stderr)  # noqa: T201
    service.serve(place.socket, place.secret, place.folder, found)


if __name__ == "__main__":
    sys.exit(program.run("local", main))
