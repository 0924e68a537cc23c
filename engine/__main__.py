"""`python -m engine`: start the embedded engine, configured by environment variables (`server/program.py`)."""

from __future__ import annotations

import sys

from engine.protocol import service_address
from engine.protocol.service_address import EngineError
from engine.server import program
from engine.server.socket_server import serve


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    place = service_address.ServiceAddress.of_environment("engine")
    slots = service_address.required_variable("DARKROOM_ENGINE_SLOTS")
    if not slots.isdigit():
        raise EngineError("DARKROOM_ENGINE_SLOTS must be a whole number.")
    conformance = program.flag("DARKROOM_CONFORMANCE")
    serve(place.socket, place.secret, place.folder, int(slots), conformance=conformance)


if __name__ == "__main__":
    sys.exit(program.run("engine", main))
