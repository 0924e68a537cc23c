"""Buying a pack as a member does, and events as Stripe sends them."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import CreditPack, User
from tests import factories
from tests.servers.stripe_double import StripeDouble

ONCE = "0123456789abcdef01234567"
WEBHOOK_PATH = "/payments/stripe/webhook"


def place_order(client: Client, pack: CreditPack, once: str = ONCE) -> Any:
    return client.post("/account/credits/", {"pack": pack.pk, "once": once})


def send_event(event: Any, **signing: Any) -> Any:
    """Post an event to the webhook as Stripe would, with the CSRF check on."""
    body, signature = StripeDouble.signed(event, **signing)
    return Client(enforce_csrf_checks=True).post(
        WEBHOOK_PATH, body, content_type="application/json", headers={"Stripe-Signature": signature}
    )


def balance(user: User) -> int:
    return factories.account_of(user).balance
