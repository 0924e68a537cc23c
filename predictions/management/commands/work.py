"""`manage.py work`: everything but the web server, under one supervisor."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from predictions.processes import parts


class Command(BaseCommand):
    help = "Run the queue's workers, the watcher, the sweep and the engine under one supervisor."
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-engine", action="store_true", help="leave the embedded engine out")

    def handle(self, *args: Any, **options: Any) -> None:
        parts.work(with_engine=False if options["no_engine"] else None)
