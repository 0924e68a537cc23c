"""Prices in money, and what a purchase's state looks like."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext_lazy

from accounts.billing import provider_registry
from accounts.billing.currencies import in_words
from accounts.models import CodeBatch, Dispute, Purchase
from accounts.site import site_rules

register = template.Library()
_ENDS = {
    Dispute.State.WON: gettext_lazy("decided in our favour"),
    Dispute.State.LOST: gettext_lazy("decided in your favour"),
}
_BADGES = {
    Purchase.Status.PAID: "ok",
    Purchase.Status.OPEN: "warning",
    Purchase.Status.DISPUTED: "danger",
    Purchase.Status.REFUNDED: "",
    Purchase.Status.EXPIRED: "",
}


@register.filter
def price_of(thing: Any) -> str:
    """The price of a pack or a purchase."""
    return in_words(thing.price, thing.currency)


@register.filter
def refunded_of(purchase: Purchase) -> str:
    """What of it was paid back."""
    return in_words(purchase.refunded, purchase.currency)


@register.filter
def dispute_of(dispute: Dispute) -> str:
    """What of its purchase is disputed."""
    return in_words(dispute.amount, dispute.purchase.currency)


@register.filter
def dispute_end(dispute: Dispute) -> str:
    """How it ended, as the buyer reads it: `won` is ours, and would be taken for theirs."""
    return str(_ENDS.get(Dispute.State(dispute.state), dispute.get_state_display()))


@register.filter
def purchase_badge(purchase: Purchase) -> str:
    """The colour of its state."""
    return _BADGES.get(Purchase.Status(purchase.status), "")


@register.simple_tag
def money_doors() -> dict[str, bool]:
    """Which ways to more credits are open now, beside codes."""
    return {"selling": provider_registry.is_selling(), "gifts": site_rules.current().gifts}


@register.simple_tag
def more_credits() -> str:
    """Where whoever has too few gets more: the packs, else codes where there are any; empty without a way."""
    if provider_registry.is_selling():
        return reverse("account_credits")
    return reverse("account_redeem") if CodeBatch.objects.filter(revoked_at__isnull=True).exists() else ""
