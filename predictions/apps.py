"""The predictions app: accepts requests, runs them, ends them."""

from __future__ import annotations

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    name = "predictions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import terms
        from predictions import catalogue
        from predictions.running import queue
        from predictions.upstreams import touching

        queue.connect()
        touching.connect()
        terms.models_come_from(catalogue.refs)
