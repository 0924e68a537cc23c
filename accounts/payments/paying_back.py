"""Paying a purchase back: staff asks, the provider pays, and its event takes the credits back."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import record
from accounts.models import Purchase, User
from accounts.payments import registry
from accounts.payments.base import ProviderError

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
        record.write(
            by, "purchase.paid_otherwise", purchase, reason=reason, account=purchase.account_id, detail=detail
        )
    return True


def pay_back(purchase: Purchase, amount: int, *, by: User, reason: str, once: str) -> None:
    """Ask the provider to pay that much back, once for each `once`. Raises NotPaidBack.

    On record first, and again where it failed: whatever ends in between, it is known who asked for what.
    """
    provider = registry.provider(purchase.provider)
    if provider is None or not can_be(purchase):
        raise NotPaidBack(_("There is nothing to pay back."))
    detail = {"amount": amount, "currency": purchase.currency, "once": once}
    with transaction.atomic():
        record.write(
            by, "purchase.refund", purchase, reason=reason, account=purchase.account_id, detail=detail
        )
    try:
        provider.refund(purchase.payment, amount, once=f"refund-{purchase.reference}-{once}", reason=reason)
    except ProviderError as error:
        log.warning("refund_failed", purchase=purchase.reference, error=str(error))
        with transaction.atomic():
            record.write(
                by, "purchase.refund_failed", purchase, account=purchase.account_id,
                detail=detail | {"error": str(error)},
            )  # fmt: skip
        if error.permanent:
            raise NotPaidBack(_("The payment service refused it. Nothing was paid back.")) from error
        raise NotPaidBack(
            _("The payment service does not answer. Send this form again: it is paid back once.")
        ) from error
