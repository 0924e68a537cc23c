"""Rows about money for tests: codes, gifts, packs, purchases."""

from __future__ import annotations

from typing import Any

from accounts import credits
from accounts.billing import redeem_codes
from accounts.models import (
    MICRO,
    CreditPack,
    Dispute,
    Gift,
    LedgerEntry,
    PaymentEvent,
    Purchase,
    User,
)
from tests import factories


def make_codes(count: int = 1, *, worth: int = 10 * MICRO, **more: Any) -> list[str]:
    """Codes of one batch, in plain."""
    return redeem_codes.create_batch(name="spring", credits=worth, count=count, by=None, **more)[1]


def make_pack(**more: Any) -> CreditPack:
    """A pack of a hundred credits at five dollars."""
    return CreditPack.objects.create(
        **{"name": "Small", "credits": 100 * MICRO, "price": 500, "currency": "usd"} | more
    )


def make_purchase(user: User, **more: Any) -> Purchase:
    """An open order of such a pack at Stripe."""
    given = {
        "credits": 100 * MICRO,
        "price": 500,
        "currency": "usd",
        "provider": "stripe",
        "session": f"cs_{user.pk}",
    }
    return Purchase.objects.create(account=factories.account_of(user), user=user, **given | more)


def make_money(user: User) -> None:
    """A row of everything about money."""
    (code,) = make_codes()
    redeem_codes.redeem_uncounted(user, factories.account_of(user), code)
    other = factories.make_user()
    gift = Gift.objects.create(
        giver=factories.account_of(user), receiver=factories.account_of(other), amount=MICRO, user=user
    )
    credits.give(gift.giver, gift.receiver, MICRO, reference=gift.reference)
    make_pack()
    purchase = make_purchase(user)
    PaymentEvent.objects.create(
        provider="stripe", event_id=f"evt_{user.pk}", kind="checkout.session.expired", purchase=purchase
    )
    Dispute.objects.create(purchase=purchase, number=f"dp_{user.pk}", amount=100, state=Dispute.State.WON)
    hold = LedgerEntry.objects.get(reference=factories.make_prediction(user).public_id)
    credits.end_allowance(gift.giver, "2026-01", total=MICRO, first=hold.pk - 1)
