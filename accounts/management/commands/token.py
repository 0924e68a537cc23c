"""`manage.py token USER`: make an API token, printed once."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.credits import amounts
from accounts.management.commands._users import user_named
from accounts.models import ApiToken
from accounts.models.tokens import all_scopes
from accounts.tokens import api_tokens, token_validation
from core.db.checks import DATABASE_IS_OURS

_SPAN = re.compile(r"([0-9]{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


class Command(BaseCommand):
    help = "Make an API token for a user and print it, alone on its line. It cannot be shown again."
    requires_system_checks = (DATABASE_IS_OURS,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="the username")
        parser.add_argument("--name", default="command line", help="what the token is called in lists")
        parser.add_argument(
            "--answer",
            choices=ApiToken.Answer.values,
            default=ApiToken.Answer.PREDICTION,
            help="what POST /predictions answers: the prediction at once, or the pictures in OpenAI's form",
        )
        parser.add_argument(
            "--scope",
            dest="scopes",
            action="append",
            choices=ApiToken.Scope.values,
            help="what it may do, once for each; all but `account` unless told",
        )
        parser.add_argument(
            "--model",
            dest="allowed_models",
            action="append",
            default=[],
            metavar="OWNER/NAME",
            help="a model it may use, once for each; all unless told",
        )
        parser.add_argument(
            "--network",
            dest="networks",
            action="append",
            default=[],
            metavar="CIDR",
            help="a network it may come from, once for each; all unless told",
        )
        for period, words in (("day", "a day"), ("month", "a month"), ("total", "in all")):
            parser.add_argument(
                f"--{period}-limit", type=_credits, metavar="CREDITS", help=f"what it may spend {words} (UTC)"
            )
        parser.add_argument("--creates-per-minute", type=int, metavar="N", help="new predictions a minute")
        parser.add_argument("--in-flight-limit", type=int, metavar="N", help="predictions at once")
        parser.add_argument(
            "--expires",
            dest="expires_at",
            type=_moment,
            metavar="WHEN",
            help="a span such as 12h, 30d or 8w, or a day (2027-01-31, its end in UTC)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        terms = {
            "answer": options["answer"],
            "scopes": _checked("--scope", token_validation.scopes, options["scopes"] or all_scopes()),
            "allowed_models": _checked("--model", token_validation.allowed_models, options["allowed_models"]),
            "networks": _checked("--network", token_validation.network_list, options["networks"]),
            **{field: options[field] for field in token_validation.SPENDING},
            **{
                field: _checked(f"--{field.replace('_', '-')}", token_validation.rate, options[field])
                for field in token_validation.PACE
            },
            "expires_at": options["expires_at"],
        }
        try:
            _row, plain = api_tokens.issue(
                user_named(options["user"]), options["name"], **cast(token_validation.Limits, terms)
            )
        except api_tokens.CannotIssue as error:
            raise CommandError(str(error)) from None
        self.stdout.write(plain)


def _checked(option: str, check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except token_validation.BadTerm as error:
        raise CommandError(f"{option}: {error}") from None


def _credits(text: str) -> int | None:
    try:
        return token_validation.amount(amounts.parse(text))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _moment(text: str) -> datetime:
    span = _SPAN.fullmatch(text)
    if span:
        return timezone.now() + timedelta(hours=int(span[1]) * _HOURS[span[2]])
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ArgumentTypeError("It is a span such as 12h, 30d or 8w, or a day such as 2027-01-31.") from None
