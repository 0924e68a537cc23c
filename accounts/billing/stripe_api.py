"""Stripe Checkout, by Stripe's own library: one payment each, prices given inline, nothing kept in Stripe's catalogue.

The API version is the library's own, so that answers have the shape that its release knows. A webhook endpoint may be
set to another version; what is read here has had the same names for years.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import stripe

from accounts.billing.provider_base import Checkout, Event, NotGenuine, Order, ProviderError, What

PAGES = "https://checkout.stripe.com"
TIMEOUT_S = 15.0
CHORE_TIMEOUT_S = 4.0
"""Where nobody waits, and other chores do."""
TOLERANCE_S = 300
"""How old a signature may be, seconds: Stripe signs anew for every try."""
# The library writes addresses, and the words of every error, into our log; what is worth a line we write ourselves.
logging.getLogger("stripe").setLevel(logging.CRITICAL)
_KINDS = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
}
_REFUNDS = {"refund.failed", "refund.updated", "charge.refund.updated"}
"""Of one refund, where `charge.refunded` tells of the charge."""
_DISPUTES = "charge.dispute."
_STATES = {
    # A question of the bank: no money has moved yet.
    "warning_needs_response": What.INQUIRY,
    "warning_under_review": What.INQUIRY,
    "needs_response": What.DISPUTED,
    "under_review": What.DISPUTED,
    # Lost, and not yet for good.
    "appeal_needs_response": What.DISPUTED,
    "appeal_under_review": What.DISPUTED,
    "won": What.DISPUTE_WON,
    "warning_closed": What.DISPUTE_WON,
    # Settled before there was one; where money went back for it, a refund tells of that.
    "prevented": What.DISPUTE_WON,
    "lost": What.DISPUTE_LOST,
}
"""What the status of a dispute means to us."""
_FUNDS = {
    "funds_withdrawn": {What.INQUIRY: What.DISPUTED},
    "funds_reinstated": dict.fromkeys((What.INQUIRY, What.DISPUTED, What.DISPUTE_LOST), What.DISPUTE_WON),
}
"""Where the money is, is told by these kinds whatever the status says."""


class Stripe:
    """Stripe with one secret key and one webhook."""

    name = "stripe"
    title = "Stripe"

    def __init__(self, *, key: str, webhook_secret: str, api_base: str = "") -> None:
        self._key, self._webhook_secret, self._api_base = key, webhook_secret, api_base

    def __repr__(self) -> str:
        return "Stripe()"

    @property
    def page_origins(self) -> list[str]:
        """Stripe's own, and that of the double where tests put one in its place."""
        if not self._api_base:
            return [PAGES]
        parts = urlsplit(self._api_base)
        return [f"{parts.scheme}://{parts.netloc}"]

    @cached_property
    def _client(self) -> stripe.StripeClient:
        return self._made(TIMEOUT_S, retries=2)

    def _made(self, timeout_s: float, retries: int) -> stripe.StripeClient:
        return stripe.StripeClient(
            self._key,
            max_network_retries=retries,
            base_addresses={"api": self._api_base} if self._api_base else None,
            http_client=stripe.RequestsClient(timeout=timeout_s),
        )

    def checkout(self, order: Order, *, done: str, cancelled: str) -> Checkout:
        """A Checkout Session in mode `payment`."""
        told = {"purchase": order.reference}
        params: dict[str, Any] = {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": order.currency,
                        "unit_amount": order.price,
                        "product_data": {"name": order.name},
                    },
                }
            ],
            "client_reference_id": order.reference,
            "metadata": told,
            # Stripe copies it to the charge, so that a refund names the purchase whatever came before it.
            "payment_intent_data": {"metadata": told, "description": order.name},
            "success_url": done,
            "cancel_url": cancelled,
            "expires_at": order.ends_at,
            # Else Stripe may take, and tell us of, another currency than the one that was ordered in.
            "adaptive_pricing": {"enabled": False},
            "locale": "zh" if order.language.startswith("zh") else "en",
        }
        if order.email:
            params["customer_email"] = order.email
        try:
            session = self._client.v1.checkout.sessions.create(
                params,
                {"idempotency_key": f"purchase-{order.reference}"},
            )
        except stripe.StripeError as error:
            raise _ours(error) from None
        if not session.url:
            raise ProviderError("Stripe opened no page.", permanent=True)
        return Checkout(session.id, session.url)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The signature first, by Stripe's library; then the shape, then what it means."""
        try:
            text = body.decode()
            stripe.WebhookSignature.verify_header(
                text, headers.get("Stripe-Signature"), self._webhook_secret, TOLERANCE_S
            )
            _refuse_future(headers["Stripe-Signature"])
            return _event(json.loads(text))
        # A TypeError: the library compares no signature that is not ASCII.
        except (stripe.SignatureVerificationError, TypeError, ValueError, RecursionError, _Misshapen):
            raise NotGenuine from None

    def look(self, session: str) -> Event:
        """The session as it is now, as an event named after its state: told once, like those that come."""
        try:
            found = self._made(CHORE_TIMEOUT_S, retries=0).v1.checkout.sessions.retrieve(session)
        except stripe.StripeError as error:
            raise _ours(error) from None
        values = found.to_dict()
        state = f"{values.get('status')}-{values.get('payment_status')}"
        kind = (
            "checkout.session.expired" if values.get("status") == "expired" else "checkout.session.completed"
        )
        if values.get("status") == "open":
            return Event(f"look-{session}-{state}", kind, What.WAITING, session=session)
        try:
            return _session(f"look-{session}-{state}", kind, values)
        except _Misshapen:
            raise ProviderError("Stripe's answer makes no sense.", permanent=False) from None

    def refund(self, payment: str, amount: int, *, once: str, reason: str, hurried: bool = False) -> None:
        """A Refund of the payment intent."""
        client = self._made(CHORE_TIMEOUT_S, retries=0) if hurried else self._client
        try:
            client.v1.refunds.create(
                {"payment_intent": payment, "amount": amount, "metadata": {"reason": reason[:400]}},
                {"idempotency_key": once},
            )
        except stripe.StripeError as error:
            raise _ours(error) from None

    def paid_back(self, payment: str) -> int:
        """What the payment's charge says: Stripe takes off again what a bank sent back."""
        client = self._made(CHORE_TIMEOUT_S, retries=0)
        try:
            found = client.v1.payment_intents.retrieve(payment, {"expand": ["latest_charge"]})
        except stripe.StripeError as error:
            raise _ours(error) from None
        charge = found.to_dict().get("latest_charge")
        try:
            amount = _amount(charge, "amount_refunded") if isinstance(charge, dict) else None
        except _Misshapen:
            amount = None
        if amount is None:
            raise ProviderError("Stripe's answer makes no sense.", permanent=False)
        return amount


class _Misshapen(Exception):
    """A field is missing, or is of another kind."""


def _refuse_future(signature: str) -> None:
    """Raises ValueError for a time further ahead than clocks differ: the library refuses those that are past alone, so
    that such a message could be repeated until then.
    """
    signed = int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))
    if signed > time.time() + TOLERANCE_S:
        raise ValueError("The signature is from the future.")


def _event(values: Any) -> Event:
    if not isinstance(values, dict) or values.get("object") != "event":
        raise _Misshapen
    event_id, kind = _text(values, "id"), _text(values, "type")
    data = values.get("data")
    inner = data.get("object") if isinstance(data, dict) else None
    if not event_id or not kind or not isinstance(inner, dict):
        raise _Misshapen
    if kind in _KINDS:
        return _session(event_id, kind, inner)
    if kind == "charge.refunded":
        return _refunded(event_id, kind, inner)
    if kind in _REFUNDS:
        return _refund(event_id, kind, inner)
    if kind.startswith(_DISPUTES):
        # What tells that there is one comes before all else that is told of it, however late it is sent.
        at = 0 if kind == f"{_DISPUTES}created" else _moment(values)
        return _dispute(event_id, kind, inner, at)
    return Event(event_id, kind, What.OTHER)


def _session(event_id: str, kind: str, session: Mapping[str, Any]) -> Event:
    what = What.NOT_PAID
    if kind in {"checkout.session.completed", "checkout.session.async_payment_succeeded"}:
        what = What.PAID if session.get("payment_status") == "paid" else What.WAITING
    metadata = session.get("metadata")
    reference = _text(metadata, "purchase") if isinstance(metadata, dict) else ""
    return Event(
        event_id,
        kind,
        what,
        reference=reference or _text(session, "client_reference_id"),
        session=_text(session, "id"),
        payment=_identity(session.get("payment_intent")),
        amount=_amount(session, "amount_total"),
        currency=_text(session, "currency").lower(),
    )


def _refunded(event_id: str, kind: str, charge: Mapping[str, Any]) -> Event:
    metadata = charge.get("metadata")
    return Event(
        event_id,
        kind,
        What.REFUNDED,
        reference=_text(metadata, "purchase") if isinstance(metadata, dict) else "",
        payment=_identity(charge.get("payment_intent")),
        amount=_amount(charge, "amount_refunded"),
        currency=_text(charge, "currency").lower(),
    )


def _refund(event_id: str, kind: str, refund: Mapping[str, Any]) -> Event:
    failed = kind == "refund.failed" or _text(refund, "status") in {"failed", "canceled"}
    return Event(
        event_id,
        kind,
        What.REFUND_FAILED if failed else What.OTHER,
        payment=_identity(refund.get("payment_intent")),
        amount=_amount(refund, "amount"),
        currency=_text(refund, "currency").lower(),
    )


def _dispute(event_id: str, kind: str, dispute: Mapping[str, Any], at: int) -> Event:
    what = _STATES.get(_text(dispute, "status"), What.OTHER)
    what = _FUNDS.get(kind.removeprefix(_DISPUTES), {}).get(what, what)
    return Event(
        event_id,
        kind,
        what,
        payment=_identity(dispute.get("payment_intent")),
        amount=_amount(dispute, "amount"),
        currency=_text(dispute, "currency").lower(),
        dispute=_text(dispute, "id"),
        at=at,
    )


def _moment(event: Mapping[str, Any]) -> int:
    found = event.get("created")
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**40:
        raise _Misshapen
    return found


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or len(found) > 200 or "\x00" in found:
        raise _Misshapen
    return found


def _identity(value: Any) -> str:
    """An id, or the id of an object that came whole."""
    return _text(value if isinstance(value, dict) else {"id": value}, "id")


def _amount(values: Mapping[str, Any], name: str) -> int | None:
    found = values.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**31:
        raise _Misshapen
    return found


def _ours(error: stripe.StripeError) -> ProviderError:
    """Its kind, its code, the field at fault and the id that Stripe's support asks for; never its words, which may
    repeat a key.
    """
    status = error.http_status or 0
    permanent = 400 <= status < 500 and status not in {409, 429}
    told = [type(error).__name__, f"status {status}" if status else "no answer", str(error.code or "")]
    # A name of ours: what we send are fields of our own choice.
    told.append(str(getattr(error, "param", None) or "")[:100])
    return ProviderError(
        " · ".join([*filter(None, told), error.request_id or ""]).strip(" ·"), permanent=permanent
    )
