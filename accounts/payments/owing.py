"""Asks the provider what was paid back where events alone do not tell, and pays back what is owed. A chore.

Owed is the price of what was paid for an account that was closed meanwhile. Each try first asks how much went back
already, and names what is left by that amount: a try whose answer was lost is never paid twice.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import F, QuerySet

from accounts import record
from accounts.clock import Now
from accounts.models import Account, Dispute, Purchase
from accounts.payments import events, registry
from accounts.payments.base import Provider, ProviderError

log = structlog.get_logger(__name__)
LONGEST = timedelta(days=1)
"""Between two tries; it is tried until the provider has answered."""
_REASON = "The account was closed before the payment came."


def step() -> bool:
    """Ask about one purchase; whether there was one. Before it is asked it steps aside, for longer each time."""
    found = due().order_by("look_at").first()
    if found is None:
        return False
    wait = min(LONGEST, timedelta(minutes=2 ** min(found.looks, 11)))
    mine = Purchase.objects.filter(pk=found.pk, look_at=found.look_at)
    if mine.update(look_at=Now() + wait, looks=F("looks") + 1):
        look(Purchase.objects.select_related("account").get(pk=found.pk))
    return True


def due() -> QuerySet[Purchase]:
    """Purchases to be asked about."""
    return Purchase.objects.filter(look_at__lte=Now())


def look(purchase: Purchase) -> str:
    """Ask about one purchase, pay back what is owed of it, and do what the answer says."""
    provider = registry.provider(purchase.provider)
    if provider is None or not purchase.payment:
        return "nobody to ask"
    try:
        return _settled(purchase, provider)
    except ProviderError as error:
        log.warning("payment_not_settled", purchase=purchase.reference, owed=purchase.owed, error=str(error))
        if error.permanent and purchase.looks == 1:
            detail = {"owed": purchase.owed, "currency": purchase.currency, "error": str(error)}
            with transaction.atomic():
                record.write(
                    None, "purchase.refund_failed", purchase, account=purchase.account_id, detail=detail
                )
        return "asked again later"


def _settled(purchase: Purchase, provider: Provider) -> str:
    back = min(provider.paid_back(purchase.payment), purchase.price)
    lost = purchase.disputed(Dispute.State.LOST)
    left = max(0, purchase.price - back - lost)
    if purchase.owed and left and purchase.disputed(Dispute.State.OPEN):
        # Their bank may be paying it back in our stead.
        return "asked again later: it is disputed"
    if purchase.owed and left and not purchase.refund_failed:
        # Named by what is left too, which a lost dispute makes less.
        once = f"refund-{purchase.reference}-owed-{back}-{left}"
        provider.refund(purchase.payment, left, once=once, reason=_REASON, hurried=True)
        return events.paid_back(purchase, back + left, asked=purchase.look_at)
    # What failed once would fail again: where no credits can be given instead, it stays owed until staff saw to it.
    closed = purchase.account.status == Account.Status.CLOSED
    unpaid = purchase.owed or (purchase.refund_failed and back < purchase.refunded)
    owed = left if closed and unpaid else 0
    return events.paid_back(purchase, back, asked=purchase.look_at, owed=owed)
