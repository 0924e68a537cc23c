"""`manage.py audit`: checks every invariant of the installation; changes nothing unless asked."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.audit import checks as accounts_audit
from accounts.audit import log_chain
from core.db.checks import DATABASE_IS_OURS
from core.db.invariants import Breach
from gallery import audit as gallery_audit
from predictions.audit import settlements as predictions_audit

PARTS = (accounts_audit, log_chain, predictions_audit, gallery_audit)


class Command(BaseCommand):
    help = (
        "Check that balances equal the ledger, that every prediction is settled once, and that every file is there "
        "with its digest. A line for each breach and exit code 1; a summary and 0 where there is none."
    )
    requires_system_checks = (DATABASE_IS_OURS,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what is safe to mend, and say what")
        parser.add_argument(
            "--quick", action="store_true", help="compare the sizes of files, not their digests"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = mended = 0
        for breach in all_breaches(quick=options["quick"]):
            found += 1
            self.stdout.write(str(breach))
            if options["repair"] and breach.repair is not None:
                self.stdout.write(f"  mended: {breach.repair()}")
                mended += 1
        if found > mended:
            raise CommandError(f"{_counted(found)}, {mended} mended." if mended else f"{_counted(found)}.")
        self.stdout.write(self._summary(found))

    def _summary(self, found: int) -> str:
        counts: dict[str, int] = {}
        for part in PARTS:
            counts.update(part.checked())
        checked = ", ".join(f"{number} {name}" for name, number in counts.items())
        return f"{_counted(found)}, all mended ({checked})." if found else f"Everything adds up ({checked})."


def _counted(number: int) -> str:
    return "1 breach" if number == 1 else f"{number} breaches"


def all_breaches(*, quick: bool) -> Iterator[Breach]:
    """Every breach of every app, as it is found."""
    for part in PARTS:
        yield from part.breaches(quick=quick)
