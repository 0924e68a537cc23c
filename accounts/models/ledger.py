"""Models of the credit ledger: `LedgerEntry` (append-only), spending counters, ended allowances, audit marks."""

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
    """An append-only row was to be changed or deleted."""


# As literals, not parameters: SQLite uses a partial index only where the statement's text contains its condition.
_IS_WORK = Q(kind__in=[RawSQL(f"'{kind}'", ()) for kind in OF_HOLDS])  # noqa: S611 (our own constants)


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    def not_work(self) -> LedgerQuerySet:
        """Rows other than holds and settlements: few among millions, with indexes of their own."""
        return self.filter(~_IS_WORK)

    def of_kinds(self, *kinds: str) -> LedgerQuerySet:
        """Rows of these kinds; uses the partial indexes where none of them is work."""
        found = self.filter(kind=kinds[0]) if len(kinds) == 1 else self.filter(kind__in=kinds)
        return found if set(OF_HOLDS) & set(kinds) else found.not_work()

    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError("Ledger rows are never changed; post an adjustment.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Ledger rows are never deleted.")


class LedgerEntry(models.Model):
    """One movement of credits. Append-only: balance and held are the sums of these rows, always.

    `reference` is opaque (a prediction's public id, a grant's own id), so that this app depends on no app above it. A
    prediction has exactly one `hold` and, once ended, exactly one `settle` with the captured and released amounts.
    """

    Kind = LedgerKind

    # No index of its own: `ledger_of_account` starts with it, and every hold would have to write one more.
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
            # By id, not time: for a token's statement, newest first; periods are found by binary search.
            models.Index(
                name="ledger_of_token_by_id", fields=["token", "-id"], condition=Q(token__isnull=False)
            ),
            models.Index(name="ledger_of_actor", fields=["actor"], condition=Q(actor__isnull=False)),
            # For statements and the admin's list of one kind whose rows may be few among a million. Not for work: it
            # is half of all rows, so it is found quickly without, and holds need not write these indexes.
            models.Index(
                name="ledger_of_kind",
                fields=["account", "kind", "-id"],
                condition=~Q(kind__in=list(OF_HOLDS)),
            ),
            models.Index(name="ledger_kinds", fields=["kind", "-id"], condition=~Q(kind__in=list(OF_HOLDS))),
            # Covering index for the dashboard's sums of incoming credits: the few rows that are not work.
            models.Index(
                name="ledger_not_work",
                fields=["created_at", "kind", "balance_delta"],
                condition=~Q(kind__in=list(OF_HOLDS)),
            ),
        ]
        constraints: ClassVar = [
            # One settle row instead of a capture and a release row: with two kinds, a success and a cancellation
            # could both move the hold.
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
    """Spending counter of an account or one member in one period. Written only by `accounts.credits`.

    Like `TokenSpending` for tokens: the sum of holds less what their settlements released, counted in the period of
    the hold. Rows exist only where there is a limit.
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
    """An allowance that ended while holds that it may pay for were open. Written only by `accounts.credits`.

    Holds of the account with ledger ids above `first` and up to `last` used it. `left` is its amount less what they
    hold or captured: each release raises it, and what is then above zero has expired and is taken. The row is deleted
    once none of these holds is open.
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
    """The last ledger row that an audit verified: an incremental audit starts there. Written only by the audit."""

    name = models.CharField(_("of"), max_length=20, unique=True)
    upto = models.BigIntegerField(_("up to row"))
    at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("mark of the audit")
        verbose_name_plural = _("marks of the audit")

    def __str__(self) -> str:
        return f"{self.name} {self.upto}"
