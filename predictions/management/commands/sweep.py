"""`manage.py sweep`: finds lost work, ends what is overdue, removes doomed files."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from core.processes import programs
from predictions.processes import sweep


class Command(BaseCommand):
    help = "Find lost work, end what is overdue, remove what is doomed; two at once do no harm."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        programs.run_until_stopped(sweep.run)
