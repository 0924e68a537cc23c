"""`manage.py engine`: the embedded engine on its Unix socket."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from predictions.engine.server import EngineError, serve


class Command(BaseCommand):
    help = (
        "Run the embedded engine. It listens on the Unix socket DARKROOM_ENGINE_SOCKET, in a folder of mode 0700, and "
        "demands DARKROOM_ENGINE_SECRET, which the cluster and the watcher need too. `manage.py work` sets both."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        secret = os.environ.get("DARKROOM_ENGINE_SECRET", "")
        if not secret:
            raise CommandError("DARKROOM_ENGINE_SECRET is not set: the engine would answer nobody.")
        folder = settings.ENGINE["folder"]
        path = os.environ.get("DARKROOM_ENGINE_SOCKET") or folder / "run" / "engine.sock"
        try:
            serve(
                path,
                secret,
                folder / "work",
                settings.ENGINE["slots"],
                conformance=settings.CONFORMANCE,
            )
        except EngineError as error:
            raise CommandError(str(error)) from None
        sys.exit(0)
