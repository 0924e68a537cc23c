"""`manage.py web`: the web process."""

from __future__ import annotations

import logging
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from config import staticfiles
from core.jobs import postgres_listener
from predictions.processes import heartbeat

log = logging.getLogger("darkroom.web")


class Command(BaseCommand):
    help = "Serve the pages and the API."
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fd", type=int, help="An inherited listening socket, in place of host and port."
        )
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        from config.server import web_process

        if settings.PROCESS_ROLE != "web":
            raise CommandError("Start it as `manage.py web`, or with DARKROOM_PROCESS_ROLE=web.")
        _collect_static()
        # What the parts on other machines say is heard by one process of each machine; here there may be no other.
        threading.Thread(
            target=postgres_listener.run,
            args=[threading.Event(), heartbeat.other_machines_alive],
            name="listener",
            daemon=True,
        ).start()
        # The checks have asked the database; their connection would be missing in the pool from now on.
        connections.close_all()
        try:
            web_process.serve(
                host=options["host"],
                port=options["port"],
                fd=options["fd"],
                trust_proxy=settings.TRUST_PROXY,
                connections=(settings.CONNECTIONS, settings.CONNECTIONS_PER_ADDRESS),
            )
        except OSError as error:
            raise CommandError(f"Cannot listen there: {error.strerror or error}.") from None


def _collect_static() -> None:
    """On a machine where nothing was prepared; without it pages open all the same, and /readyz says what is missing."""
    try:
        if staticfiles.are_hashed():
            staticfiles.collect()
    except OSError as error:
        log.warning("The static files cannot be collected: %s.", error.strerror or error)
