"""`manage.py watch`: one loop over the jobs under way at the providers."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from predictions.running import alone, watcher


class Command(BaseCommand):
    help = "Watch the jobs that are under way at the providers."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        alone.until_stopped(watcher.run)
