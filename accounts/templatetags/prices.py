"""Template tags of purchases: prices in money, badges of their status, disputes, and where to get credits."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext_lazy

from accounts.billing import provider_registry
from accounts.billing.currencies import format_money
from accounts.models import CodeBatch, Dispute, Purchase
from accounts.site import site_rules

register = template.Library()
_OUTCOMES = {
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
def price_of(pack_or_purchase: Any) -> str:
    """The price of a pack or a purchase."""
    return format_money(pack_or_purchase.price, pack_or_purchase.currency)


@register.filter
def refunded_of(purchase: Purchase) -> str:
    """The refunded amount of a purchase."""
    return format_money(purchase.refunded, purchase.currency)


@register.filter
def dispute_of(dispute: Dispute) -> str:
    """The disputed amount."""
    return format_money(dispute.amount, dispute.purchase.currency)


@register.filter
def dispute_end(dispute: Dispute) -> str:
    """The outcome of a dispute for the buyer: `won` means won by us, and would be misread."""
    return str(_OUTCOMES.get(Dispute.State(dispute.state), dispute.get_state_display()))


@register.filter
def purchase_badge(purchase: Purchase) -> str:
    """CSS badge class of the purchase's status."""
    return _BADGES.get(Purchase.Status(purchase.status), "")


@register.simple_tag
def money_doors() -> dict[str, bool]:
    """Ways to get credits that are open now, beside codes."""
    return {"selling": provider_registry.is_selling(), "gifts": site_rules.current().gifts}


@register.simple_tag
def more_credits() -> str:
    """URL where the reader gets more credits: packs, else codes where any exist; empty without either."""
    if provider_registry.is_selling():
        return reverse("account_credits")
    return reverse("account_redeem") if CodeBatch.objects.filter(revoked_at__isnull=True).exists() else ""
