"""App configuration of the studio: registers how a version's controls are summarised when it is imported."""

from __future__ import annotations

from django.apps import AppConfig


class StudioConfig(AppConfig):
    name = "studio"

    def ready(self) -> None:
        from predictions.catalogue import cog_import
        from studio.form import control_summary

        cog_import.register_control_source(control_summary.summary)
