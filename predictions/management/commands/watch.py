"""`manage.py watch`: the watcher of provider jobs and the webhook poster."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from core.processes import programs
from predictions.processes import watch_loops


class Command(BaseCommand):
    help = "Watch the jobs that are under way at the providers, and post webhooks to their receivers."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        programs.run_until_stopped(watch_loops.run)
