"""`manage.py createadmin`: the first administrator of a fresh installation."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.staff import first_admin
from core.db.checks import DATABASE_IS_OURS


class Command(BaseCommand):
    help = (
        "Make a funded administrator and print `Administrator: NAME PASSWORD`; does nothing where one exists."
    )
    requires_system_checks = (DATABASE_IS_OURS,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--token", action="store_true", help="print a second line, `Token: TOKEN`")

    def handle(self, *args: Any, **options: Any) -> None:
        admin = first_admin.create()
        if admin is None:
            return
        self.stdout.write(f"Administrator: {admin.username} {admin.password}")
        if options["token"]:
            self.stdout.write(f"Token: {admin.token}")
