"""Asks the provider what was paid back where events alone do not tell, and pays back what is owed. A chore.

Owed is the price of what was paid for an account that was closed meanwhile. Each try first asks how much went back
already, and names what is left by that amount: a try whose answer was lost is never paid twice.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.billing import payment_events, provider_registry
from accounts.billing.provider_base import Provider, ProviderError
from accounts.models import Account, Dispute, Purchase, User
from accounts.staff import audit_log
from core.clock import Now

log = structlog.get_logger(__name__)
LONGEST = timedelta(days=1)
"""Between two tries; it is tried until the provider has answered."""
_REASON = "The account was closed before the payment came."


def run_once() -> bool:
    """Ask about one purchase; whether there was one. Before it is asked it steps aside, for longer each time."""
    found = due().order_by("look_at").first()
    if found is None:
        return False
    wait = min(LONGEST, timedelta(minutes=2 ** min(found.looks, 11)))
    mine = Purchase.objects.filter(pk=found.pk, look_at=found.look_at)
    if mine.update(look_at=Now() + wait, looks=F("looks") + 1):
        pay_what_is_owed(Purchase.objects.select_related("account").get(pk=found.pk))
    return True


def due() -> QuerySet[Purchase]:
    """Purchases to be asked about."""
    return Purchase.objects.filter(look_at__lte=Now())


def pay_what_is_owed(purchase: Purchase) -> str:
    """Ask about one purchase, pay back what is owed of it, and do what the answer says."""
    provider = provider_registry.provider(purchase.provider)
    if provider is None or not purchase.payment:
        return "nobody to ask"
    try:
        return _settled(purchase, provider)
    except ProviderError as error:
        log.warning("payment_not_settled", purchase=purchase.reference, owed=purchase.owed, error=str(error))
        if error.permanent and purchase.looks == 1:
            detail = {"owed": purchase.owed, "currency": purchase.currency, "error": str(error)}
            with transaction.atomic():
                audit_log.write(
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
        return payment_events.paid_back(purchase, back + left, asked=purchase.look_at)
    # What failed once would fail again: where no credits can be given instead, it stays owed until staff saw to it.
    closed = purchase.account.status == Account.Status.CLOSED
    unpaid = purchase.owed or (purchase.refund_failed and back < purchase.refunded)
    owed = left if closed and unpaid else 0
    return payment_events.paid_back(purchase, back, asked=purchase.look_at, owed=owed)


log = structlog.get_logger(__name__)


class NotPaidBack(Exception):
    """The provider did not take it on; nothing was paid back."""

    def __init__(self, words: str | Promise) -> None:
        super().__init__(str(words))


def can_be(purchase: Purchase) -> bool:
    """Whether something of it was paid and is left, beside what is disputed or was lost."""
    return purchase.paid_at is not None and bool(purchase.payment) and purchase.refundable() > 0


def was_paid_otherwise(purchase: Purchase, *, by: User, reason: str) -> bool:
    """Note that the buyer has what they were owed by another way. False where nothing was owed."""
    with transaction.atomic():
        rows = Purchase.objects.filter(pk=purchase.pk, owed__gt=0)
        if not rows.update(owed=0, look_at=None):
            return False
        detail = {"owed": purchase.owed, "currency": purchase.currency}
        audit_log.write(
            by, "purchase.paid_otherwise", purchase, reason=reason, account=purchase.account_id, detail=detail
        )
    return True


def refund(purchase: Purchase, amount: int, *, by: User, reason: str, once: str) -> None:
    """Ask the provider to pay that much back, once for each `once`. Raises NotPaidBack.

    On record first, and again where it failed: whatever ends in between, it is known who asked for what.
    """
    provider = provider_registry.provider(purchase.provider)
    if provider is None or not can_be(purchase):
        raise NotPaidBack(_("There is nothing to pay back."))
    detail = {"amount": amount, "currency": purchase.currency, "once": once}
    with transaction.atomic():
        audit_log.write(
            by, "purchase.refund", purchase, reason=reason, account=purchase.account_id, detail=detail
        )
    try:
        provider.refund(purchase.payment, amount, once=f"refund-{purchase.reference}-{once}", reason=reason)
    except ProviderError as error:
        log.warning("refund_failed", purchase=purchase.reference, error=str(error))
        with transaction.atomic():
            audit_log.write(
                by, "purchase.refund_failed", purchase, account=purchase.account_id,
                detail=detail | {"error": str(error)},
            )  # fmt: skip
        if error.permanent:
            raise NotPaidBack(_("The payment service refused it. Nothing was paid back.")) from error
        raise NotPaidBack(
            _("The payment service does not answer. Send this form again: it is paid back once.")
        ) from error
