"""A fake Stripe, credits on sale, and an order that waits for its payment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import CreditPack, Purchase, User
from tests.accounts.billing.billing_rows import make_pack
from tests.accounts.billing.checkout import place_order
from tests.servers.stripe_double import KEY, SECRET, StripeDouble


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    """A fake Stripe on this machine, which the installation sells by."""
    with StripeDouble().running() as running:
        settings.PAYMENTS = {"stripe": {"key": KEY, "webhook_secret": SECRET, "api_base": running.base}}
        yield running


@pytest.fixture
def pack(db: None, double: StripeDouble) -> CreditPack:
    """A hundred credits for five dollars."""
    return make_pack()


@pytest.fixture
def bought(charlie: User, client_of: Callable[[User], Client], pack: CreditPack) -> Purchase:
    """Charlie's order, waiting for the payment. He has no credits but these."""
    assert place_order(client_of(charlie), pack).status_code == 303
    return Purchase.objects.get()
