"""`manage.py grant USER CREDITS`: add credits to an account."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from accounts import credits
from accounts.credits import amounts
from accounts.management.commands._users import user_named
from accounts.models import Account
from accounts.organizations import management
from core.db.checks import DATABASE_IS_OURS


class Command(BaseCommand):
    help = "Add credits to the own account of a user, whomever they act for. CREDITS may have decimals."
    requires_system_checks = (DATABASE_IS_OURS,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", metavar="USER", help="the username")
        parser.add_argument("credits", metavar="CREDITS", help="how many, such as 100 or 0.5")
        parser.add_argument("--reason", default="Granted by the operator", help="shown in the statement")
        parser.add_argument("--reference", default="", help="makes it happen once, however often it is run")

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_named(options["user"])
        try:
            amount = amounts.parse(options["credits"])
        except amounts.NotAnAmount as error:
            raise CommandError(str(error)) from None
        if amount <= 0:
            raise CommandError(
                "A grant is more than nothing; to take credits away, adjust in the admin panel."
            )
        try:
            entry = credits.grant(
                management.personal_account_of(user),
                amount,
                reason=options["reason"],
                reference=options["reference"],
            )
        except IntegrityError:
            raise CommandError(
                f"A grant with the reference {options['reference']} was made before."
            ) from None
        except credits.AccountClosed:
            raise CommandError(f"The account of {user.username} is closed.") from None
        except ValueError as error:
            # The reference is too long, or the balance would be too large.
            raise CommandError(str(error)) from None
        account = Account.objects.get(pk=entry.account_id)
        owes = f", and still owes {amounts.decimal_text(account.owed)}" if account.owed else ""
        self.stdout.write(
            f"{user.username} has {amounts.decimal_text(account.balance)} credits"
            f" ({amounts.decimal_text(amount)} added){owes}."
        )
