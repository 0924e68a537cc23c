"""Redeem codes in batches, their redemptions, and gifts of credits between members."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.accounts import Account, Plan
from accounts.models.people import User
from core.clock import Now


def new_reference() -> str:
    """An unguessable reference for something about money: 20 hex digits."""
    return secrets.token_hex(10)


class CodeBatch(models.Model):
    """Redeem codes made together, all worth the same."""

    name = models.CharField(_("name"), max_length=120)
    credits = models.BigIntegerField(_("worth"), help_text=_("micro-credits, each"))
    uses = models.PositiveIntegerField(
        _("uses"), default=1, help_text=_("How many accounts may redeem each code; each account once.")
    )
    plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("plan"),
        help_text=_("The plan that an account gets with it; empty: it keeps its own."),
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, editable=False, related_name="+")
    once = models.CharField(
        max_length=64,
        null=True,
        unique=True,
        editable=False,
        help_text="The digest of the form that made it, once.",
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("batch of codes")
        verbose_name_plural = _("batches of codes")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(name="code_batch_worth_something", condition=Q(credits__gt=0)),
            models.CheckConstraint(name="code_batch_of_some_use", condition=Q(uses__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name


class RedeemCode(models.Model):
    """One code. Only its SHA-256 is stored; the code itself is handed out once, when its batch is made."""

    batch = models.ForeignKey(CodeBatch, on_delete=models.PROTECT, related_name="codes")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("ends in"), max_length=8, editable=False)
    uses_left = models.PositiveIntegerField(_("uses left"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("redeem code")
        verbose_name_plural = _("redeem codes")
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"…{self.hint}"


class Redemption(models.Model):
    """An account redeemed a code, once. Its ledger row has the reference `redeem-` plus this row's id."""

    code = models.ForeignKey(RedeemCode, on_delete=models.PROTECT, related_name="redemptions")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="redemptions")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="redemption_once", fields=["code", "account"]),
        ]

    def __str__(self) -> str:
        return f"{self.code} · {self.account}"


class Gift(models.Model):
    """Credits one account gave another: two ledger rows, `gift-ID-out` and `gift-ID-in`, or none."""

    reference = models.CharField(max_length=20, unique=True, default=new_reference, editable=False)
    giver = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="gifts_given")
    receiver = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="gifts_received")
    amount = models.BigIntegerField(_("amount"), help_text=_("micro-credits"))
    words = models.CharField(_("words"), max_length=200, blank=True, default="")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("gift")
        verbose_name_plural = _("gifts")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(name="gift_of_something", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="gift_to_another", condition=~Q(giver=models.F("receiver"))),
        ]

    def __str__(self) -> str:
        return self.reference
