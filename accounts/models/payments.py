"""Credit packs, purchases, disputes and payment provider events."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q, Sum
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.accounts import Account
from accounts.models.codes import new_reference
from accounts.models.people import User
from core.clock import Now


class CreditPack(models.Model):
    """An amount of credits for sale. A purchase copies its amounts, so a pack may be changed at any time."""

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
    """An order of credits. Once paid it has one ledger row with the reference `purchase-` plus its own."""

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
    page = models.TextField(
        _("page"),
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text=_("Where the provider takes the money."),
    )
    language = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text=_("In which it was ordered."),
    )
    payment = models.CharField(_("payment"), max_length=200, blank=True, default="")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    refunded = models.PositiveIntegerField(_("paid back"), default=0, help_text=_("In the smallest unit."))
    to_take_back = models.BigIntegerField(
        _("to be taken back"),
        default=0,
        db_default=0,
        editable=False,
        help_text=_("micro-credits: for what was paid back, is disputed or was lost."),
    )
    taken_back = models.BigIntegerField(
        _("taken back"),
        default=0,
        help_text=_("micro-credits; what is missing is owed by the account."),
    )
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
            models.CheckConstraint(
                name="purchase_takes_back_no_more",
                condition=Q(
                    taken_back__gte=0, to_take_back__gte=F("taken_back"), credits__gte=F("to_take_back")
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="purchase_of_account", fields=["account", "-id"]),
            models.Index(name="purchase_of_payment", fields=["payment"], condition=~Q(payment="")),
            models.Index(name="purchase_paid", fields=["paid_at"], condition=Q(paid_at__isnull=False)),
            models.Index(name="purchase_to_look", fields=["look_at"], condition=Q(look_at__isnull=False)),
            models.Index(
                name="purchase_in_debt",
                fields=["account", "id"],
                condition=Q(to_take_back__gt=F("taken_back")),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def credits_owed(self) -> int:
        """Micro-credits still to be taken back."""
        return self.to_take_back - self.taken_back

    def disputed(self, *states: str) -> int:
        """Sum of its disputes in these states, in the smallest unit; by default of open and lost ones."""
        rows = self.disputes.filter(state__in=states or Dispute.COUNTED)
        return int(rows.aggregate(s=Sum("amount"))["s"] or 0)

    def returned(self) -> int:
        """What the buyer got back or claims, at most the price: refunds, and open and lost disputes."""
        return min(self.price, self.refunded + self.disputed())

    def refundable(self) -> int:
        """What can still be refunded: the price less what is returned or disputed."""
        return self.price - self.returned()

    def to_be_taken_back(self, returned: int | None = None) -> int:
        """Micro-credits to take back for `returned` (smallest unit), rounded down in the member's favour."""
        back = self.returned() if returned is None else min(self.price, returned)
        return self.credits * back // self.price


class Dispute(models.Model):
    """A dispute of a payment by the payer's bank; a payment may have several, each of a part.

    An inquiry moves no money; in the states `COUNTED` the bank has the amount.
    """

    class State(models.TextChoices):
        INQUIRY = "inquiry", pgettext_lazy("dispute", "inquiry")
        OPEN = "open", pgettext_lazy("dispute", "open")
        WON = "won", pgettext_lazy("dispute", "won")
        LOST = "lost", pgettext_lazy("dispute", "lost")

    COUNTED: ClassVar = (State.OPEN, State.LOST)
    """States in which the bank has the money."""

    purchase = models.ForeignKey(
        Purchase, on_delete=models.PROTECT, related_name="disputes", verbose_name=_("purchase")
    )
    number = models.CharField(
        _("dispute"), max_length=200, blank=True, help_text=_("The provider's id of it.")
    )
    amount = models.PositiveIntegerField(_("amount"), help_text=_("In the smallest unit of the currency."))
    state = models.CharField(_("state"), max_length=10, choices=State)
    told_at = models.BigIntegerField(
        default=0, editable=False, help_text="Of the newest event, by the provider's clock: Unix seconds."
    )
    created_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="dispute_once", fields=["purchase", "number"]),
        ]

    def __str__(self) -> str:
        return self.number or f"dispute {self.pk}"


class PaymentEvent(models.Model):
    """A payment provider's event, stored once, with what applying it did."""

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
