"""Orders of credit packs: insert the purchase row, then open the provider's checkout page. Nothing is charged here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import personal_accounts
from accounts.billing import provider_registry
from accounts.billing.provider_base import Checkout, Order, ProviderError
from accounts.credits import amounts
from accounts.models import Account, CreditPack, Purchase, User
from accounts.site import feature_flags
from accounts.staff import audit_log

log = structlog.get_logger(__name__)
MAX_OPEN = 10
"""Unpaid orders one account may have at a time; each holds a checkout page open at the provider. Orders that it refused
to open a page for count too, so that a refused order is not retried without end."""
PAGE_ENDS = timedelta(hours=2)
"""How long the checkout page accepts payment; Stripe's minimum is half an hour."""


class CannotBuy(Exception):
    """No order was made, or no checkout page opened; nothing was charged."""

    WORDS: dict[str, str | Promise] = {
        "off": _("Credits cannot be bought here now."),
        "gone": _("This is not for sale any more. Nothing was charged."),
        "closed": _("This account takes no credits now."),
        "many": _("Too many payments of yours are still open. Finish one of them, or wait an hour."),
        "refused_often": _(
            "Your last orders were refused by the payment service. Nothing was charged; "
            "tell the operator, and try again in an hour."
        ),
        "provider": _("The payment service does not answer. Nothing was charged; try again in a minute."),
        "refused": _(
            "This cannot be paid here now. Nothing was charged. Trying again will not help: tell the operator."
        ),
        "stale": _("This form was used already. Open it again."),
    }

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)

    def __str__(self) -> str:
        return str(self.WORDS[self.why])


@dataclass(frozen=True)
class ReturnUrls:
    """URLs the provider sends the buyer back to; `{reference}` is replaced by the purchase's reference."""

    success_url: str
    cancel_url: str


def reference_of(account: Account, once: str) -> str:
    """The reference of the one order that a form makes, however often it is submitted."""
    return hashlib.sha256(f"buy:{account.pk}:{once}".encode()).hexdigest()[:20]


def buy(
    user: User, account: Account, pack_id: int, *, once: str, return_urls: ReturnUrls
) -> tuple[Purchase, Checkout]:
    """Order a pack and open the provider's checkout page for it. Raises CannotBuy.

    The row is committed before the provider is called: an order that gets paid is always known here, even after a
    crash in between. The same `once` yields the same order and the same page, either the stored one or the one the
    provider returns for an identical request.
    """
    if not feature_flags.is_on("purchases"):
        raise CannotBuy("off")
    # Users whose personal account is closed cannot buy for an organisation either.
    if account.status != Account.Status.ACTIVE or personal_accounts.is_personal_account_closed(user):
        raise CannotBuy("closed")
    purchase = _get_or_create(user, account, pack_id, once)
    if purchase.page:
        return purchase, Checkout(purchase.session, purchase.page)
    provider = provider_registry.provider(purchase.provider)
    if provider is None:
        raise CannotBuy("off")
    fill = {"reference": purchase.reference}
    try:
        checkout = provider.checkout(
            _provider_order(purchase, user),
            success_url=return_urls.success_url.format(**fill),
            cancel_url=return_urls.cancel_url.format(**fill),
        )
    except ProviderError as error:
        if not error.permanent:
            raise CannotBuy("provider") from error
        _expire_refused(purchase, error)
        raise CannotBuy("refused") from error
    Purchase.objects.filter(pk=purchase.pk, session__in=["", checkout.session]).update(
        session=checkout.session, page=checkout.url
    )
    return purchase, checkout


def _expire_refused(purchase: Purchase, error: ProviderError) -> None:
    """End an order that the provider rejects for good, and log why: only the operator can fix it."""
    log.error(
        "payment_page_refused", purchase=purchase.reference, provider=purchase.provider, error=str(error)
    )
    with transaction.atomic():
        rows = Purchase.objects.filter(pk=purchase.pk, status=Purchase.Status.OPEN, session="")
        if rows.update(status=Purchase.Status.EXPIRED):
            detail = {"price": purchase.price, "currency": purchase.currency}
            audit_log.write(
                None, "purchase.not_opened", purchase, reason=str(error), account=purchase.account_id, detail=detail
            )  # fmt: skip


def _get_or_create(user: User, account: Account, pack_id: int, once: str) -> Purchase:
    reference = reference_of(account, once)
    existing = _existing(reference, account, pack_id)
    if existing is not None:
        return existing
    provider = provider_registry.default_provider()
    if provider is None:
        raise CannotBuy("off")
    pack = CreditPack.objects.filter(pk=pack_id, enabled=True).first()
    if pack is None:
        raise CannotBuy("gone")
    try:
        with transaction.atomic():
            # The lock on the account serialises counting its orders.
            locked = Account.objects.select_for_update().filter(pk=account.pk, status=Account.Status.ACTIVE)
            if not locked.exists():
                raise CannotBuy("closed")
            since = timezone.now() - timedelta(hours=1)
            no_page = Q(status=Purchase.Status.EXPIRED, session="")
            counted = Purchase.objects.filter(
                Q(status=Purchase.Status.OPEN) | no_page, account=account, created_at__gt=since
            )
            if counted.count() >= MAX_OPEN:
                # Refused orders are not open: the buyer cannot finish them.
                raise CannotBuy("refused_often" if counted.filter(no_page).exists() else "many")
            return Purchase.objects.create(
                reference=reference, account=account, user=user, pack=pack, credits=pack.credits, price=pack.price,
                currency=pack.currency.lower(), provider=provider.name, language=_language(),
            )  # fmt: skip
    except IntegrityError:
        existing = _existing(reference, account, pack_id)
        if existing is None:
            raise
        return existing


def _existing(reference: str, account: Account, pack_id: int) -> Purchase | None:
    purchase = Purchase.objects.filter(reference=reference, account=account).first()
    if purchase is not None and (purchase.pack_id != pack_id or purchase.status != Purchase.Status.OPEN):
        raise CannotBuy("stale")
    return purchase


def _provider_order(purchase: Purchase, user: User) -> Order:
    # In the language of the first request: the provider rejects a changed order under the same reference.
    language = purchase.language or _language()
    with translation.override(language):
        name = str(_("%(amount)s credits") % {"amount": amounts.display_plain(purchase.credits)})
    return Order(
        reference=purchase.reference,
        name=name,
        price=purchase.price,
        currency=purchase.currency,
        email=user.email,
        language=language,
        ends_at=int((purchase.created_at + PAGE_ENDS).timestamp()),
    )


def _language() -> str:
    return (translation.get_language() or "en")[:10]
