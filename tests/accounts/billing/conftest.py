"""The double of Stripe, and credits for sale by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import CreditPack
from tests.accounts.billing.billing_rows import make_pack
from tests.servers.stripe_double import KEY, SECRET, StripeDouble


@pytest.fixture
def double(settings: Any) -> Iterator[StripeDouble]:
    """Stripe, on this machine, and a house that sells by it."""
    with StripeDouble().running() as running:
        settings.PAYMENTS = {"stripe": {"key": KEY, "webhook_secret": SECRET, "api_base": running.base}}
        yield running


@pytest.fixture
def pack(db: None, double: StripeDouble) -> CreditPack:
    """A hundred credits for five dollars."""
    return make_pack()
