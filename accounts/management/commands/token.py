"""`manage.py token USER`: make an API token, printed once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import tokens
from accounts.management.commands._users import user_named
from accounts.models import ApiToken


class Command(BaseCommand):
    help = "Make an API token for a user and print it, alone on its line. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="the username")
        parser.add_argument("--name", default="command line", help="what the token is called in lists")
        parser.add_argument(
            "--answer",
            choices=ApiToken.Answer.values,
            default=ApiToken.Answer.PREDICTION,
            help="what POST /predictions answers: the prediction at once, or the pictures in OpenAI's form",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _row, plain = tokens.issue(user_named(options["user"]), options["name"], answer=options["answer"])
        except tokens.CannotIssue as error:
            raise CommandError(str(error)) from None
        self.stdout.write(plain)
