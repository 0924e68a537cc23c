"""`manage.py cluster`: the queue workers."""

from __future__ import annotations

import gc
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from predictions.processes import parts, queue_workers


class Command(BaseCommand):
    help = "Run the workers of the queue."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=["work"], nargs="?", default="work")
        parser.add_argument(
            "--worker", type=int, metavar="N", help="be one of them, started by a supervisor, in place of all"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["worker"] is None:
            parts.cluster()
            return
        # Nothing imported becomes garbage; a full collection would hold up a task.
        gc.collect()
        gc.freeze()
        code = queue_workers.run()
        # The thread of a task that exceeded its time limit would keep the interpreter from exiting.
        os._exit(code)
