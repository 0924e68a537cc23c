"""Refunds by staff, and a periodic job that asks providers about failed refunds and pays back what is owed to buyers.

Owed is the price of a purchase whose account was closed before the payment arrived. Each attempt first asks how much
was refunded already and derives its idempotency key from the rest: an attempt whose answer was lost is never paid
twice.
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
MAX_INTERVAL = timedelta(days=1)
"""Longest interval between two attempts; they go on until the provider answers."""
_REASON = "The account was closed before the payment came."


def run_once() -> bool:
    """Ask about one purchase; returns whether there was one. It is rescheduled first, at growing intervals."""
    purchase = due().order_by("look_at").first()
    if purchase is None:
        return False
    wait = min(MAX_INTERVAL, timedelta(minutes=2 ** min(purchase.looks, 11)))
    claim = Purchase.objects.filter(pk=purchase.pk, look_at=purchase.look_at)
    if claim.update(look_at=Now() + wait, looks=F("looks") + 1):
        settle_owed(Purchase.objects.select_related("account").get(pk=purchase.pk))
    return True


def due() -> QuerySet[Purchase]:
    """Purchases that are due to be asked about."""
    return Purchase.objects.filter(look_at__lte=Now())


def settle_owed(purchase: Purchase) -> str:
    """Ask about one purchase, pay back what is owed of it, and store the answer."""
    provider = provider_registry.provider(purchase.provider)
    if provider is None or not purchase.payment:
        return "nobody to ask"
    try:
        return _settle(purchase, provider)
    except ProviderError as error:
        log.warning("payment_not_settled", purchase=purchase.reference, owed=purchase.owed, error=str(error))
        if error.permanent and purchase.looks == 1:
            detail = {"owed": purchase.owed, "currency": purchase.currency, "error": str(error)}
            with transaction.atomic():
                audit_log.write(
                    None, "purchase.refund_failed", purchase, account=purchase.account_id, detail=detail
                )
        return "asked again later"


def _settle(purchase: Purchase, provider: Provider) -> str:
    back = min(provider.refunded_amount(purchase.payment), purchase.price)
    lost = purchase.disputed(Dispute.State.LOST)
    left = max(0, purchase.price - back - lost)
    if purchase.owed and left and purchase.disputed(Dispute.State.OPEN):
        # The buyer's bank may be returning it in our place.
        return "asked again later: it is disputed"
    if purchase.owed and left and not purchase.refund_failed:
        # The key contains the rest too, which a lost dispute reduces.
        once = f"refund-{purchase.reference}-owed-{back}-{left}"
        provider.refund(purchase.payment, left, once=once, reason=_REASON, hurried=True)
        return payment_events.set_refunded(purchase, back + left, asked_at=purchase.look_at)
    # A refund that failed would fail again: where no credits can be given instead, it stays owed for staff to resolve.
    closed = purchase.account.status == Account.Status.CLOSED
    unpaid = purchase.owed or (purchase.refund_failed and back < purchase.refunded)
    owed = left if closed and unpaid else 0
    return payment_events.set_refunded(purchase, back, asked_at=purchase.look_at, owed=owed)


log = structlog.get_logger(__name__)


class CannotRefund(Exception):
    """The provider did not accept the refund; nothing was paid back."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__(str(message))


def is_refundable(purchase: Purchase) -> bool:
    """Whether anything of the purchase can be refunded: paid, and neither refunded, disputed nor lost."""
    return purchase.paid_at is not None and bool(purchase.payment) and purchase.refundable() > 0


def mark_paid_otherwise(purchase: Purchase, *, by: User, reason: str) -> bool:
    """Record that the buyer was paid what they were owed by other means. False where nothing was owed."""
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
    """Ask the provider to refund an amount, once for each `once`. Raises CannotRefund.

    Written to the audit log first, and again where it failed: after a crash in between it is known who asked for what.
    """
    provider = provider_registry.provider(purchase.provider)
    if provider is None or not is_refundable(purchase):
        raise CannotRefund(_("There is nothing to pay back."))
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
            raise CannotRefund(_("The payment service refused it. Nothing was paid back.")) from error
        raise CannotRefund(
            _("The payment service does not answer. Send this form again: it is paid back once.")
        ) from error
