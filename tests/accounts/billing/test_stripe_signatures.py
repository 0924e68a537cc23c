"""A payment provider's message counts for the minutes around its signature, in both directions."""

from __future__ import annotations

import time

import pytest

from accounts.models import CreditPack, PaymentEvent
from tests.accounts.billing.checkout import send_event
from tests.servers.stripe_double import StripeDouble


@pytest.mark.parametrize(
    ("ahead_s", "status"), [(0, 200), (200, 200), (-200, 200), (400, 400), (4_000, 400), (-400, 400)]
)
def test_a_signature_of_another_time_does_nothing(
    pack: CreditPack, double: StripeDouble, ahead_s: int, status: int
) -> None:
    answer = send_event(double.event("customer.created", {"id": "cus_1"}), at=int(time.time()) + ahead_s)
    assert answer.status_code == status
    assert PaymentEvent.objects.exists() == (status == 200)
