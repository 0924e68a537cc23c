"""`manage.py cluster NAME`: the workers of one queue."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Run the workers of one queue."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        names = ["work", *settings.Q_CLUSTER.get("ALT_CLUSTERS", {})]
        parser.add_argument("name", choices=names, nargs="?", default="work")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if os.environ.get("Q_CLUSTER_NAME") != name:
            # The library reads it while Django is set up, which has happened by now.
            os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "Q_CLUSTER_NAME": name})  # noqa: S606
        from predictions.running import cluster

        sys.exit(cluster.run(name))
