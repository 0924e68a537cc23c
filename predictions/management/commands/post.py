"""`manage.py post`: posts webhooks, as `watch` does; for a machine that has nothing else to do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from predictions.running import alone, posting


class Command(BaseCommand):
    help = "Post webhooks to their receivers."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        alone.until_stopped(posting.run)
