"""Asks the provider about orders of which nothing was heard: webhooks get lost. A chore; safe to run twice."""

from __future__ import annotations

from datetime import timedelta

import structlog

from accounts.billing import payment_events, provider_base, provider_registry
from accounts.billing.provider_base import NotGenuine, ProviderError
from accounts.models import Purchase
from core.clock import Now

log = structlog.get_logger(__name__)
AFTER = timedelta(hours=1)
"""How long an order may be open before it is asked about."""
GIVEN_UP = timedelta(days=1)
"""When an order that came to no page is over."""
KEPT_ASKING = timedelta(days=14)
"""How long the slowest ways of paying may take."""
_asked_to = 0
"""The newest order that this process has asked about in its round: one that breaks stops no other."""


def run_once() -> bool:
    """Ask about one order; whether there was one. Those that stay open are asked about again in the next round."""
    global _asked_to
    waiting = Purchase.objects.filter(status=Purchase.Status.OPEN, created_at__lt=Now() - AFTER)
    purchase = waiting.filter(pk__gt=_asked_to).order_by("pk").first()
    if purchase is None:
        _asked_to = 0
        return False
    _asked_to = purchase.pk
    ask_provider(purchase)
    return True


def ask_provider(purchase: Purchase) -> str:
    """Ask about one order, and do what the answer says."""
    provider = provider_registry.provider(purchase.provider)
    if purchase.session and provider is not None:
        try:
            event = provider.look(purchase.session)
        except (ProviderError, NotGenuine) as error:
            log.warning("payment_look_failed", purchase=purchase.reference, error=str(error))
            return _over(purchase, KEPT_ASKING)
        outcome = payment_events.receive(purchase.provider, event)
        # An answer that was refused leaves it open, and comes again each time: that ends by age too.
        ended = _over(purchase, KEPT_ASKING)
        return ended if event.what == provider_base.What.WAITING else outcome
    return _over(purchase, GIVEN_UP)


def _over(purchase: Purchase, after: timedelta) -> str:
    """End an order that is too old. Should it be paid all the same, its event still counts."""
    rows = Purchase.objects.filter(pk=purchase.pk, status=Purchase.Status.OPEN, created_at__lt=Now() - after)
    return "over" if rows.update(status=Purchase.Status.EXPIRED) else "open"
