"""`manage.py keys new|rotate|check|accept`: the encryption keys of upstreams' secrets and second factors."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.auth import second_factor
from accounts.site import secret_fingerprints
from core import crypto
from predictions.upstreams import key_rotation


class Command(BaseCommand):
    help = "Make, change and check the keys of DARKROOM_KEYS, with which secrets of upstreams are encrypted."
    # It must run where the checks refuse a start: `accept` is the way out of that.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "act",
            choices=["new", "rotate", "check", "accept"],
            help="new: print a fresh key; rotate: encrypt every stored secret again with the newest key; "
            "check: say which stored secrets fit no key, exit code 1 where there are any; accept: take this server's "
            "DARKROOM_SECRET_KEY and DARKROOM_KEYS for this database's own, where the earlier ones are lost",
        )
        parser.add_argument(
            "--add",
            action="store_true",
            help="rotate: first put a fresh key in front of the file that the keys stand in",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['act']}")(add=options["add"])
        except crypto.NoMatchingKey as error:
            raise CommandError(str(error)) from None

    def _new(self, *, add: bool) -> None:
        self.stdout.write(key_rotation.new_key())

    def _rotate(self, *, add: bool) -> None:
        if add:
            self.stdout.write(f"A fresh key is in front of {key_rotation.add_key()}.")
        changed = key_rotation.rotate_all() + second_factor.reencrypt()
        secret_fingerprints.renew()
        self.stdout.write(
            f"{changed} secrets are encrypted with the newest key. Older keys may go once every process has been "
            "started anew, and backups from before need them."
        )

    def _accept(self, *, add: bool) -> None:
        secret_fingerprints.accept()
        self.stdout.write(
            "The secrets of this server are this database's own from now on. What only others could read is lost: "
            "`manage.py keys check` says what."
        )

    def _check(self, *, add: bool) -> None:
        unreadable = key_rotation.unreadable() + second_factor.unreadable()
        if unreadable:
            raise CommandError("These fit none of the keys: " + "; ".join(unreadable) + ".")
        self.stdout.write("Every stored secret can be read.")
