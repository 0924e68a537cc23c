"""`manage.py fixtures FILE`: three accounts and the fixture models, for outside conformance suites."""

from __future__ import annotations

import json
import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import credits
from accounts.models import MICRO, Account, ApiToken, User
from accounts.personal_accounts import ensure_account
from accounts.tokens import api_tokens
from config import env
from predictions.catalogue import conformance_models, loader

FUNDS = {"funded": 10_000 * MICRO, "other": 100 * MICRO, "no_credit": 0}
"""What each account has after every run, at least (`no_credit`: exactly), in micro-credits.

The dearest fixture job costs 0.4 credits, so a thousand of each of the six cost 900.
"""
IN_FLIGHT = 64
"""Predictions at once of each account: more than the engine has slots, so that only these limit."""
TOKENS_KEPT = 20
"""Tokens of one account that stay usable; the older ones, whose file is gone, are revoked."""


class Command(BaseCommand):
    help = (
        "Make three accounts and write FILE for outside conformance suites: base_url, tokens, models. "
        "Only where DARKROOM_CONFORMANCE=1; safe to run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="where to write the JSON, with mode 0600")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CONFORMANCE:
            raise CommandError(
                "Fixtures exist only in conformance mode: set DARKROOM_CONFORMANCE=1 for this command and the server."
            )
        base_url, path = _base_url(), Path(options["file"])
        call_command("migrate", interactive=False, verbosity=0)
        loader.load()
        conformance_models.match_mode()
        known = _known_tokens(path)
        given = {role: _token(_account(role), known.get(role, "")) for role in FUNDS}
        _write(path, {"base_url": base_url, "tokens": given, "models": conformance_models.references()})
        self.stdout.write(f"Three accounts and {len(conformance_models.references())} models are in {path}.")


def _base_url() -> str:
    """Where the suite finds the server; with PORT=0 nobody can know."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    port = env.listen_port()
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise CommandError("Set PORT to the port on which the server listens, or DARKROOM_PUBLIC_URL.")
    return f"http://127.0.0.1:{port}"


@transaction.atomic
def _account(role: str) -> User:
    """The user who plays this role, with the credits of the role."""
    name = conformance_models.USERNAMES[role]
    user, made = User.objects.get_or_create(
        username=name, defaults={"email": f"{name}@localhost.localdomain"}
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    elif user.has_usable_password():
        raise CommandError(
            f"The user {name} is a person's, so this database is not one for conformance suites."
        )
    account = ensure_account(user)
    Account.objects.filter(pk=account.pk).update(in_flight_limit=IN_FLIGHT)
    _fund(Account.objects.get(pk=account.pk), FUNDS[role])
    return user


def _fund(account: Account, wanted: int) -> None:
    if account.balance < wanted:
        credits.grant(account, wanted - account.balance, reason="For conformance suites")
    elif wanted == 0 and account.balance > 0:
        credits.adjust(account, -account.balance, reason="This account has nothing", actor=None)


def _known_tokens(path: Path) -> dict[str, str]:
    """The tokens that an earlier run wrote into the file; empty where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["tokens"]
        return {role: text for role, text in found.items() if isinstance(text, str)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _token(user: User, known: str) -> str:
    """The token that the file holds already, where it still opens this account's door; else a new one."""
    row = api_tokens.look_up(known)
    if row is not None and row.user_id == user.pk:
        return known
    usable = ApiToken.objects.usable().filter(user=user).order_by("-id")
    for old in usable[TOKENS_KEPT - 1 :]:
        api_tokens.revoke(old)
    return api_tokens.issue(user, conformance_models.TOKEN_NAME)[1]


def _write(path: Path, content: dict[str, Any]) -> None:
    """Put the file there whole or not at all, readable by its owner alone: it holds tokens."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        Path(temporary).replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
