"""What members buy from the operator, and what payment providers told of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.clock import Now
from accounts.models.accounts import Account
from accounts.models.codes import new_reference
from accounts.models.people import User


class CreditPack(models.Model):
    """An amount of credits that is for sale. A purchase keeps its own amounts, so a pack may be changed at any time."""

    name = models.CharField(_("name"), max_length=80)
    credits = models.BigIntegerField(_("credits"), help_text=_("micro-credits"))
    price = models.PositiveIntegerField(
        _("price"), help_text=_("In the smallest unit of the currency: 500 is 5.00.")
    )
    currency = models.CharField(
        _("currency"), max_length=3, default="usd", help_text=_("ISO 4217, three letters.")
    )
    enabled = models.BooleanField(_("for sale"), default=True)
    position = models.PositiveIntegerField(_("place in lists"), default=100)

    class Meta:
        verbose_name = _("credit pack")
        verbose_name_plural = _("credit packs")
        ordering: ClassVar = ["position", "price", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(name="credit_pack_of_something", condition=Q(credits__gt=0, price__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name


class Purchase(models.Model):
    """One order of credits. When it is paid they stand in the ledger under `purchase-` and its reference, once."""

    class Status(models.TextChoices):
        OPEN = "open", _("waiting for payment")
        PAID = "paid", _("paid")
        EXPIRED = "expired", _("not paid")
        REFUNDED = "refunded", _("paid back")
        DISPUTED = "disputed", _("disputed")

    reference = models.CharField(max_length=20, unique=True, default=new_reference, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="purchases")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    pack = models.ForeignKey(CreditPack, on_delete=models.SET_NULL, null=True, related_name="+")
    credits = models.BigIntegerField(_("credits"), help_text=_("micro-credits"))
    price = models.PositiveIntegerField(_("price"), help_text=_("In the smallest unit of the currency."))
    currency = models.CharField(_("currency"), max_length=3)
    provider = models.CharField(_("payment provider"), max_length=20)
    session = models.CharField(
        _("at the provider"),
        max_length=200,
        blank=True,
        default="",
        help_text=_("The provider's id of the checkout."),
    )
    payment = models.CharField(_("payment"), max_length=200, blank=True, default="")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    refunded = models.PositiveIntegerField(_("paid back"), default=0, help_text=_("In the smallest unit."))
    taken_back = models.BigIntegerField(_("taken back"), default=0, help_text=_("micro-credits"))
    owed = models.PositiveIntegerField(
        _("owed to the buyer"),
        default=0,
        help_text=_("In the smallest unit: paid for an account that was closed, so it goes back."),
    )
    refund_failed = models.BooleanField(
        _("a payment back failed"),
        default=False,
        help_text=_("Since then the provider is asked what was paid back, and its events are not added up."),
    )
    look_at = models.DateTimeField(
        null=True, editable=False, help_text="When the provider is asked next what was paid back."
    )
    looks = models.PositiveSmallIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("ordered"), db_default=Now())
    paid_at = models.DateTimeField(_("paid"), null=True)

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="purchase_session_once", fields=["provider", "session"], condition=~Q(session="")
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="purchase_of_account", fields=["account", "-id"]),
            models.Index(name="purchase_of_payment", fields=["payment"], condition=~Q(payment="")),
            models.Index(name="purchase_paid", fields=["paid_at"], condition=Q(paid_at__isnull=False)),
            models.Index(name="purchase_to_look", fields=["look_at"], condition=Q(look_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.reference


class PaymentEvent(models.Model):
    """What a payment provider told, once for each of its events: the row is written with what the event did."""

    provider = models.CharField(_("payment provider"), max_length=20)
    event_id = models.CharField(_("event"), max_length=200)
    kind = models.CharField(_("kind"), max_length=80)
    outcome = models.CharField(_("outcome"), max_length=200, blank=True, default="")
    purchase = models.ForeignKey(Purchase, on_delete=models.PROTECT, null=True, related_name="events")
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="payment_event_once", fields=["provider", "event_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
