"""`manage.py engine`: the embedded engine on its Unix socket."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from predictions.processes import services


class Command(BaseCommand):
    help = (
        "Run the embedded engine. It listens on the Unix socket DARKROOM_ENGINE_SOCKET, in a folder of mode 0700, and "
        "demands DARKROOM_ENGINE_SECRET, which the workers and the watcher need too. `manage.py work` sets both."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        services.exec_service("engine", "the engine")
