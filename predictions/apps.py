"""Django app configuration of predictions: registers its signal receivers, periodic jobs and encrypted columns."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = _("Predictions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.credits import limit_usage
        from accounts.tokens import token_validation
        from core.jobs import scheduler
        from predictions.api_dialects import webhook_body
        from predictions.catalogue import lookup
        from predictions.files import removal
        from predictions.image_safety import blocklist, classifiers, findings
        from predictions.lifecycle import bans
        from predictions.policy import prompt_rules, rule_hits
        from predictions.submit import quotas
        from predictions.upstreams import invalidation, key_rotation
        from predictions.usage import daily, queue_samples
        from predictions.webhooks import bodies

        invalidation.connect_signals()
        key_rotation.register_columns()
        token_validation.register_models(lookup.refs)
        limit_usage.register_room_usage(quotas.rooms)
        prompt_rules.connect_signals()
        blocklist.connect_signals()
        classifiers.connect_signals()
        bans.connect_signals()
        bodies.register(webhook_body)
        removal.register_owner(findings.owned_files)
        scheduler.register("hits", rule_hits.prune, every_s=600.0)
        scheduler.register("banned", bans.run_once, due=bans.owed)
        scheduler.register("days", daily.run_once, every_s=60.0)
        scheduler.register("looks", queue_samples.run_once, every_s=queue_samples.EVERY_S)
