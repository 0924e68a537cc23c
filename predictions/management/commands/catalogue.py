"""`manage.py catalogue`: fill the catalogue with the models we ship."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from predictions.catalogue import loader


class Command(BaseCommand):
    help = "Add the models, versions and first prices that are missing; safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        added = loader.load()
        self.stdout.write(f"{added} models added." if added else "The catalogue is complete.")
