"""The predictions app: accepts requests, runs them, ends them."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = _("Predictions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import meters, sanctions, terms
        from predictions import banned, catalogue, room
        from predictions.figures import days, looks
        from predictions.files import owners
        from predictions.judging import blocked, classifiers, notes
        from predictions.policy import hits, rules
        from predictions.running import chores
        from predictions.upstreams import touching, vault

        touching.connect()
        vault.connect()
        terms.models_come_from(catalogue.refs)
        meters.rooms_come_from(room.rooms)
        rules.connect()
        blocked.connect()
        classifiers.connect()
        banned.connect()
        owners.register(notes.owned)
        chores.register("hits", hits.prune, every_s=600.0)
        chores.register("banned", banned.step, due=banned.owed)
        chores.register("sanctions", sanctions.lift_ended, due=sanctions.ended, every_s=5.0)
        chores.register("days", days.step, every_s=60.0)
        chores.register("looks", looks.step, every_s=looks.EVERY_S)
