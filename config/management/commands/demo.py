"""`manage.py demo`: a month of made-up data, to try the staff pages and the gallery."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from accounts.models import LedgerEntry, User
from config.demo import scenario
from predictions.models import Prediction

_MOST_MONTHS = 24


class Command(BaseCommand):
    help = (
        "Fill an empty house with made-up members, predictions, credits, pictures and cases, to be looked at. All of "
        "it is invented; the members cannot sign in. Refuses where there are members already, unless --force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--months", type=int, default=1, help="how many months back it begins (1)")
        parser.add_argument("--seed", type=int, default=7, help="another number, another history (7)")
        parser.add_argument("--small", action="store_true", help="a tenth of it, in seconds")
        parser.add_argument(
            "--force",
            action="store_true",
            help="also where there are members; what is made cannot be told apart later",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["months"] <= _MOST_MONTHS:
            raise CommandError(f"--months goes from 1 to {_MOST_MONTHS}. Nothing was made.")
        # Administrators are created before any member; the first has credits to try with.
        begins = Q(reference__startswith="welcome-") | Q(reference__startswith="first-admin-")
        inhabited = (
            User.objects.filter(is_superuser=False).exists()
            or Prediction.objects.exists()
            or LedgerEntry.objects.exclude(begins).exists()
        )
        if inhabited and not options["force"]:
            raise CommandError(
                "This house has members. Made-up data cannot be told from theirs afterwards, so nothing was made. "
                "Use an empty database, or --force."
            )
        begun = time.monotonic()
        counts = scenario.make(
            months=options["months"], seed=options["seed"], small=options["small"], log=self.stdout.write
        )
        made = ", ".join(f"{number:,} {name}" for name, number in counts.items())
        self.stdout.write(f"Made up: {made}. It took {time.monotonic() - begun:.0f} s.")
        self.stdout.write(
            "None of it is real and none of these people can sign in: make an administrator with manage.py createadmin."
        )
