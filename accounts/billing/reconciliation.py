"""Reconciliation of open orders: periodic job that asks the provider where no event arrived. Safe to run twice."""

from __future__ import annotations

from datetime import timedelta

import structlog

from accounts.billing import payment_events, provider_base, provider_registry
from accounts.billing.provider_base import InvalidWebhook, ProviderError
from accounts.models import Purchase
from core.clock import Now

log = structlog.get_logger(__name__)
AFTER = timedelta(hours=1)
"""Age of an open order before the provider is asked."""
EXPIRES_WITHOUT_PAGE = timedelta(days=1)
"""Age at which an order without a checkout page expires."""
EXPIRES_UNPAID = timedelta(days=14)
"""Age at which any unpaid order expires: the slowest payment methods take this long."""
_asked_to = 0
"""Primary key of the last order this process asked about in the current round: an order that fails blocks no other."""


def run_once() -> bool:
    """Ask about one order; returns whether there was one. Orders that stay open are asked about in the next round."""
    global _asked_to
    waiting = Purchase.objects.filter(status=Purchase.Status.OPEN, created_at__lt=Now() - AFTER)
    purchase = waiting.filter(pk__gt=_asked_to).order_by("pk").first()
    if purchase is None:
        _asked_to = 0
        return False
    _asked_to = purchase.pk
    reconcile(purchase)
    return True


def reconcile(purchase: Purchase) -> str:
    """Ask about one order and apply the answer."""
    provider = provider_registry.provider(purchase.provider)
    if purchase.session and provider is not None:
        try:
            event = provider.fetch_state(purchase.session)
        except (ProviderError, InvalidWebhook) as error:
            log.warning("payment_look_failed", purchase=purchase.reference, error=str(error))
            return _expire_after(purchase, EXPIRES_UNPAID)
        outcome = payment_events.receive(purchase.provider, event)
        # A refused answer leaves the order open and recurs each time: it expires by age too.
        state = _expire_after(purchase, EXPIRES_UNPAID)
        return state if event.type == provider_base.EventType.WAITING else outcome
    return _expire_after(purchase, EXPIRES_WITHOUT_PAGE)


def _expire_after(purchase: Purchase, after: timedelta) -> str:
    """Expire an order older than `after`. Should it be paid all the same, its event still counts."""
    rows = Purchase.objects.filter(pk=purchase.pk, status=Purchase.Status.OPEN, created_at__lt=Now() - after)
    return "over" if rows.update(status=Purchase.Status.EXPIRED) else "open"
