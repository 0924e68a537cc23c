"""What moved, for ever."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from accounts.models.accounts import Account
from accounts.models.ledger_kinds import OF_HOLDS, LedgerKind
from accounts.models.people import User
from core.clock import Now


class AppendOnlyError(Exception):
    """Somebody tried to change or delete a row of history."""


# Written out and not sent beside: SQLite uses a partial index only where it reads its condition in the statement.
_IS_WORK = Q(kind__in=[RawSQL(f"'{kind}'", ()) for kind in OF_HOLDS])  # noqa: S611 (our own constants)


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def not_work(self) -> LedgerQuerySet:
        """What is no work: few rows among millions, with indexes of their own."""
        return self.filter(~_IS_WORK)

    def of_kinds(self, *kinds: str) -> LedgerQuerySet:
        """Of these kinds. Where none of them is work, by the indexes of what is none."""
        found = self.filter(kind=kinds[0]) if len(kinds) == 1 else self.filter(kind__in=kinds)
        return found if set(OF_HOLDS) & set(kinds) else found.not_work()

    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError("Ledger rows are never changed; post an adjustment.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Ledger rows are never deleted.")


class LedgerEntry(models.Model):
    """One movement of credits. Append-only: balance and held are the sums of these rows, always.

    `reference` is opaque here (a prediction's public id, a grant's own id), so that this app depends on
    nobody above it. A prediction has exactly one `hold` and, once ended, exactly one `settle`: what it
    captured and what it released.
    """

    Kind = LedgerKind

    # No index of its own: `ledger_of_account` begins with it, and every hold would have to write one more.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="ledger", db_index=False)
    kind = models.CharField(_("kind"), max_length=16, choices=LedgerKind)
    reference = models.CharField(_("reference"), max_length=64)
    balance_delta = models.BigIntegerField(_("change of balance"))
    held_delta = models.BigIntegerField(_("change of hold"), default=0)
    captured = models.BigIntegerField(_("captured"), null=True)
    released = models.BigIntegerField(_("released"), null=True)
    balance_after = models.BigIntegerField(_("balance after"))
    held_after = models.BigIntegerField(_("on hold after"))
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    token = models.ForeignKey(
        "accounts.ApiToken", on_delete=models.PROTECT, null=True, db_index=False, related_name="+",
        verbose_name=_("API token"), help_text=_("Whose spending a hold and its settlement count towards."),
    )  # fmt: skip
    member = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, db_index=False, related_name="+",
        verbose_name=_("member"), help_text=_("Whose wish a hold and its settlement pay for."),
    )  # fmt: skip
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("by"),
        help_text=_("Who did it by hand; empty for what the system did."),
    )  # fmt: skip
    created_at = models.DateTimeField(_("when"), db_default=Now())

    objects = LedgerQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="ledger_of_account", fields=["account", "-id"]),
            # By ids and not by times: for a token's statement, newest first; its periods are found by halving.
            models.Index(
                name="ledger_of_token_by_id", fields=["token", "-id"], condition=Q(token__isnull=False)
            ),
            models.Index(name="ledger_of_actor", fields=["actor"], condition=Q(actor__isnull=False)),
            # For a statement, and for the panel's list, of one kind whose rows may be few among a million. Not of work:
            # that is half of all rows, so it is soon found without, and a hold need not write them.
            models.Index(
                name="ledger_of_kind",
                fields=["account", "kind", "-id"],
                condition=~Q(kind__in=list(OF_HOLDS)),
            ),
            models.Index(name="ledger_kinds", fields=["kind", "-id"], condition=~Q(kind__in=list(OF_HOLDS))),
            # For the desk's sums of what came: the few rows among millions that are no work, with all that is read.
            models.Index(
                name="ledger_not_work",
                fields=["created_at", "kind", "balance_delta"],
                condition=~Q(kind__in=list(OF_HOLDS)),
            ),
        ]
        constraints: ClassVar = [
            # One settle row, not a capture and a release row: with two kinds a success and a cancel could
            # both move the hold.
            models.UniqueConstraint(name="ledger_reference_kind_once", fields=["reference", "kind"]),
            models.CheckConstraint(
                name="ledger_settle_adds_up",
                condition=~Q(kind="settle")
                | Q(
                    captured__gte=0,
                    released__gte=0,
                    held_delta=-(F("captured") + F("released")),
                    balance_delta=F("released"),
                ),
            ),
            models.CheckConstraint(
                name="ledger_hold_adds_up",
                condition=~Q(kind="hold") | Q(held_delta__gte=0, balance_delta=-F("held_delta")),
            ),
            models.CheckConstraint(
                name="ledger_only_hold_and_settle_move_held",
                condition=Q(kind__in=list(OF_HOLDS)) | Q(held_delta=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnlyError("Ledger rows are never changed; post an adjustment.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Ledger rows are never deleted.")


class AccountSpending(models.Model):
    """What an account, or one member of it, has held and spent in one period. Written by `accounts.credits` alone.

    As `TokenSpending` does for tokens: the sum of the ledger's holds less what their settlements released, counted in
    the period of the hold. There are rows only where there is a limit.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="spending")
    member = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text=_("Empty: the account as a whole."),
    )
    period = models.CharField(
        _("period"), max_length=10, help_text=_("A day (2026-11-20) or a month (2026-11), in UTC.")
    )
    spent = models.BigIntegerField(_("spent and on hold"), default=0, help_text=_("micro-credits"))

    class Meta:
        verbose_name = _("spending of an account")
        verbose_name_plural = _("spending of accounts")
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="account_spending_once", fields=["account", "period"], condition=Q(member__isnull=True)
            ),
            models.UniqueConstraint(
                name="member_spending_once",
                fields=["account", "member", "period"],
                condition=Q(member__isnull=False),
            ),
            models.CheckConstraint(name="account_spending_not_negative", condition=Q(spent__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.period}"


class EndedAllowance(models.Model):
    """An allowance that ended while work that it may pay for was on hold. Written by `accounts.credits` alone.

    Holds of the account with row numbers above `first` and up to `last` used it. `left` is what it gave less what they
    set aside and did not return: with each return it grows, and what is then above zero has ended and is taken. The row
    goes when nothing of it is on hold any more.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="ended_allowances")
    period = models.CharField(_("period"), max_length=10, help_text=_("The day or month that is over."))
    first = models.BigIntegerField(_("from row"))
    last = models.BigIntegerField(_("up to row"))
    given = models.BigIntegerField(_("given"), help_text=_("micro-credits"))
    left = models.BigIntegerField(_("left"), help_text=_("micro-credits; below zero where more was used."))
    on_hold = models.BigIntegerField(_("on hold"), help_text=_("micro-credits"))

    class Meta:
        verbose_name = _("allowance that has ended")
        verbose_name_plural = _("allowances that have ended")
        constraints: ClassVar = [
            models.UniqueConstraint(name="ended_allowance_once", fields=["account", "period"]),
            models.CheckConstraint(name="ended_allowance_on_hold_not_negative", condition=Q(on_hold__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.period}"


class AuditMark(models.Model):
    """How far an audit was content with the ledger: a quick one begins there. Written by the audit alone."""

    name = models.CharField(_("of"), max_length=20, unique=True)
    upto = models.BigIntegerField(_("up to row"))
    at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("mark of the audit")
        verbose_name_plural = _("marks of the audit")

    def __str__(self) -> str:
        return f"{self.name} {self.upto}"
