"""A server process for benchmarks: `python -m benchmarks.parts.host KIND --port N`, all with the same uvicorn."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("DARKROOM_PROCESS_ROLE", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.parts.settings")

# With Django; the others are without any of it.
FRAMED = ("lean", "shipped", "wsgi")
KINDS = (*FRAMED, "bare", "sqlite", "postgres")


def application(kind: str, filled: str | None, database: str) -> Any:
    """The ASGI application of that kind."""
    from benchmarks.parts import controls

    if kind == "bare":
        return controls.bare
    if kind not in FRAMED:
        from benchmarks.parts import replay

        return replay.application(kind, Path(filled or ""), database)
    import django

    django.setup(set_prefix=False)
    if kind == "shipped":
        from django.core.asgi import get_asgi_application

        return get_asgi_application()
    if kind == "lean":
        from config.server.asgi_handler import LeanHandler

        return LeanHandler()
    return controls.WsgiInThreads()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--filled", help="The file with what `benchmarks.parts.fill` printed, for sqlite and postgres."
    )
    parser.add_argument("--database", default="", help="The file of SQLite, or the address of PostgreSQL.")
    options = parser.parse_args()
    import uvicorn

    from config.server import web_process

    config = web_process.configuration(app=application(options.kind, options.filled, options.database))
    server = web_process.Server if options.kind in FRAMED else uvicorn.Server
    server(config).run(sockets=[web_process._bound("127.0.0.1", options.port)])


if __name__ == "__main__":
    main()
