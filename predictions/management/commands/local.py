"""`manage.py local`: real weights, on their Unix socket."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from predictions.engine.server import EngineError
from predictions.local import extra, service
from predictions.local.reading import LocalSettingsError
from predictions.running import providers


class Command(BaseCommand):
    help = (
        "Run the models that DARKROOM_LOCAL_MODELS gives weights. It listens on the Unix socket DARKROOM_LOCAL_SOCKET, "
        "in a folder of mode 0700, and demands DARKROOM_LOCAL_SECRET, which the cluster and the watcher need too. "
        "`manage.py work` sets both. Needs the extra darkroom[local]."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = providers.local_settings()
        except LocalSettingsError as error:
            raise CommandError(f"DARKROOM_LOCAL_MODELS: {error}") from None
        if found is None:
            raise CommandError("DARKROOM_LOCAL_MODELS is not set: there are no weights to run.")
        secret = os.environ.get("DARKROOM_LOCAL_SECRET", "")
        if not secret:
            raise CommandError("DARKROOM_LOCAL_SECRET is not set: the service would answer nobody.")
        if missing := extra.missing():
            # It serves all the same: whoever asks for such a model is told, instead of waiting without end.
            self.stderr.write(extra.sentence(missing))
        folder = settings.LOCAL["folder"]
        path = os.environ.get("DARKROOM_LOCAL_SOCKET") or folder / "run" / "local.sock"
        try:
            service.serve(path, secret, folder / "work", found)
        except EngineError as error:
            raise CommandError(str(error)) from None
        sys.exit(0)
