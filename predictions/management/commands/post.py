"""`manage.py post`: only the webhook poster of `watch`, for a machine that runs nothing else."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from core.processes import programs
from predictions.webhooks import delivery_loop


class Command(BaseCommand):
    help = "Post webhooks to their receivers."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        programs.run_until_stopped(delivery_loop.run)
