"""The project's own app: system checks, labels of the admin, and the garbage collector after a preloaded start."""

from __future__ import annotations

import gc

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401 (registers the system checks)
        from config.admin import labels

        labels.name_fields()
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
