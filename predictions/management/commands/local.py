"""`manage.py local`: the service of local weights on its Unix socket."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from engine.local.config.settings_table import LocalSettingsError
from predictions.dispatch import provider_lookup
from predictions.processes import services


class Command(BaseCommand):
    help = (
        "Run the models that DARKROOM_LOCAL_MODELS gives weights. It listens on the Unix socket DARKROOM_LOCAL_SOCKET, "
        "in a folder of mode 0700, and demands DARKROOM_LOCAL_SECRET, which the workers and the watcher need too. "
        "`manage.py work` sets both. Needs the extra darkroom[local]."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            local_settings = provider_lookup.local_settings()
        except LocalSettingsError as error:
            raise CommandError(f"DARKROOM_LOCAL_MODELS: {error}") from None
        if local_settings is None:
            raise CommandError("DARKROOM_LOCAL_MODELS is not set: there are no weights to run.")
        services.exec_service("local", "the service")
