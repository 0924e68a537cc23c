"""Stripe Checkout, by Stripe's own library: one-time payments with inline prices, nothing in Stripe's catalogue.

The API version is the library's own, so that responses have the shape it knows. A webhook endpoint may be set to
another version; the fields read here have kept their names for years.
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

from accounts.billing.provider_base import Checkout, Event, EventType, InvalidWebhook, Order, ProviderError

PAGES = "https://checkout.stripe.com"
TIMEOUT_S = 15.0
JOB_TIMEOUT_S = 4.0
"""For periodic jobs, where a slow call holds up others."""
TOLERANCE_S = 300
"""Maximum age of a signature in seconds; Stripe signs every delivery attempt anew."""
# The library logs URLs and error messages in full; we log what matters ourselves.
logging.getLogger("stripe").setLevel(logging.CRITICAL)
_KINDS = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
}
_REFUNDS = {"refund.failed", "refund.updated", "charge.refund.updated"}
"""Events about a single refund, where `charge.refunded` carries the charge's total."""
_DISPUTES = "charge.dispute."
_STATES = {
    # An inquiry of the bank: no money has moved yet.
    "warning_needs_response": EventType.INQUIRY,
    "warning_under_review": EventType.INQUIRY,
    "needs_response": EventType.DISPUTED,
    "under_review": EventType.DISPUTED,
    # Lost, but under appeal.
    "appeal_needs_response": EventType.DISPUTED,
    "appeal_under_review": EventType.DISPUTED,
    "won": EventType.DISPUTE_WON,
    "warning_closed": EventType.DISPUTE_WON,
    # Resolved before it became a dispute; any money returned is reported as a refund.
    "prevented": EventType.DISPUTE_WON,
    "lost": EventType.DISPUTE_LOST,
}
"""Dispute statuses in our terms."""
_FUNDS = {
    "funds_withdrawn": {EventType.INQUIRY: EventType.DISPUTED},
    "funds_reinstated": dict.fromkeys(
        (EventType.INQUIRY, EventType.DISPUTED, EventType.DISPUTE_LOST), EventType.DISPUTE_WON
    ),
}
"""Event kinds about the movement of the money, which override the status."""


class Stripe:
    """Stripe with one secret key and one webhook secret."""

    name = "stripe"
    title = "Stripe"

    def __init__(self, *, key: str, webhook_secret: str, api_base: str = "") -> None:
        self._key, self._webhook_secret, self._api_base = key, webhook_secret, api_base

    def __repr__(self) -> str:
        return "Stripe()"

    @property
    def page_origins(self) -> list[str]:
        """Stripe's checkout origin, or that of the test double in its place."""
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

    def checkout(self, order: Order, *, success_url: str, cancel_url: str) -> Checkout:
        """Create a Checkout Session in mode `payment`."""
        metadata = {"purchase": order.reference}
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
            "metadata": metadata,
            # Stripe copies it to the charge, so that a refund names the purchase even if it arrives first.
            "payment_intent_data": {"metadata": metadata, "description": order.name},
            "success_url": success_url,
            "cancel_url": cancel_url,
            "expires_at": order.ends_at,
            # Otherwise Stripe may charge, and report, another currency than that of the order.
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
            raise _provider_error(error) from None
        if not session.url:
            raise ProviderError("Stripe opened no page.", permanent=True)
        return Checkout(session.id, session.url)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """Verify the signature with Stripe's library, then parse the event."""
        try:
            text = body.decode()
            stripe.WebhookSignature.verify_header(
                text, headers.get("Stripe-Signature"), self._webhook_secret, TOLERANCE_S
            )
            _refuse_future(headers["Stripe-Signature"])
            return _parse_event(json.loads(text))
        # TypeError: the library fails on signatures that are not ASCII.
        except (stripe.SignatureVerificationError, TypeError, ValueError, RecursionError, _MalformedEvent):
            raise InvalidWebhook from None

    def fetch_state(self, session: str) -> Event:
        """The session's current state as an event, whose id derives from the state so that it is applied once."""
        try:
            found = self._made(JOB_TIMEOUT_S, retries=0).v1.checkout.sessions.retrieve(session)
        except stripe.StripeError as error:
            raise _provider_error(error) from None
        values = found.to_dict()
        state = f"{values.get('status')}-{values.get('payment_status')}"
        kind = (
            "checkout.session.expired" if values.get("status") == "expired" else "checkout.session.completed"
        )
        if values.get("status") == "open":
            return Event(f"look-{session}-{state}", kind, EventType.WAITING, session=session)
        try:
            return _session_event(f"look-{session}-{state}", kind, values)
        except _MalformedEvent:
            raise ProviderError("Stripe's answer makes no sense.", permanent=False) from None

    def refund(self, payment: str, amount: int, *, once: str, reason: str, hurried: bool = False) -> None:
        """Create a refund of the payment intent."""
        client = self._made(JOB_TIMEOUT_S, retries=0) if hurried else self._client
        try:
            client.v1.refunds.create(
                {"payment_intent": payment, "amount": amount, "metadata": {"reason": reason[:400]}},
                {"idempotency_key": once},
            )
        except stripe.StripeError as error:
            raise _provider_error(error) from None

    def refunded_amount(self, payment: str) -> int:
        """The refunded amount of the payment's charge, from which Stripe subtracts failed refunds."""
        client = self._made(JOB_TIMEOUT_S, retries=0)
        try:
            found = client.v1.payment_intents.retrieve(payment, {"expand": ["latest_charge"]})
        except stripe.StripeError as error:
            raise _provider_error(error) from None
        charge = found.to_dict().get("latest_charge")
        try:
            amount = _amount(charge, "amount_refunded") if isinstance(charge, dict) else None
        except _MalformedEvent:
            amount = None
        if amount is None:
            raise ProviderError("Stripe's answer makes no sense.", permanent=False)
        return amount


class _MalformedEvent(Exception):
    """A field is missing or of the wrong type."""


def _refuse_future(signature: str) -> None:
    """Raise ValueError for a timestamp further ahead than clocks differ.

    The library refuses only old ones, so such a message could be replayed until then.
    """
    signed = int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))
    if signed > time.time() + TOLERANCE_S:
        raise ValueError("The signature is from the future.")


def _parse_event(values: Any) -> Event:
    if not isinstance(values, dict) or values.get("object") != "event":
        raise _MalformedEvent
    event_id, kind = _text(values, "id"), _text(values, "type")
    data = values.get("data")
    inner = data.get("object") if isinstance(data, dict) else None
    if not event_id or not kind or not isinstance(inner, dict):
        raise _MalformedEvent
    if kind in _KINDS:
        return _session_event(event_id, kind, inner)
    if kind == "charge.refunded":
        return _charge_refunded_event(event_id, kind, inner)
    if kind in _REFUNDS:
        return _refund_event(event_id, kind, inner)
    if kind.startswith(_DISPUTES):
        # The event that creates a dispute precedes all others about it, however late it is sent.
        at = 0 if kind == f"{_DISPUTES}created" else _created_at(values)
        return _dispute_event(event_id, kind, inner, at)
    return Event(event_id, kind, EventType.OTHER)


def _session_event(event_id: str, kind: str, session: Mapping[str, Any]) -> Event:
    event_type = EventType.NOT_PAID
    if kind in {"checkout.session.completed", "checkout.session.async_payment_succeeded"}:
        event_type = EventType.PAID if session.get("payment_status") == "paid" else EventType.WAITING
    metadata = session.get("metadata")
    reference = _text(metadata, "purchase") if isinstance(metadata, dict) else ""
    return Event(
        event_id,
        kind,
        event_type,
        reference=reference or _text(session, "client_reference_id"),
        session=_text(session, "id"),
        payment=_id(session.get("payment_intent")),
        amount=_amount(session, "amount_total"),
        currency=_text(session, "currency").lower(),
    )


def _charge_refunded_event(event_id: str, kind: str, charge: Mapping[str, Any]) -> Event:
    metadata = charge.get("metadata")
    return Event(
        event_id,
        kind,
        EventType.REFUNDED,
        reference=_text(metadata, "purchase") if isinstance(metadata, dict) else "",
        payment=_id(charge.get("payment_intent")),
        amount=_amount(charge, "amount_refunded"),
        currency=_text(charge, "currency").lower(),
    )


def _refund_event(event_id: str, kind: str, refund: Mapping[str, Any]) -> Event:
    failed = kind == "refund.failed" or _text(refund, "status") in {"failed", "canceled"}
    return Event(
        event_id,
        kind,
        EventType.REFUND_FAILED if failed else EventType.OTHER,
        payment=_id(refund.get("payment_intent")),
        amount=_amount(refund, "amount"),
        currency=_text(refund, "currency").lower(),
    )


def _dispute_event(event_id: str, kind: str, dispute: Mapping[str, Any], at: int) -> Event:
    event_type = _STATES.get(_text(dispute, "status"), EventType.OTHER)
    event_type = _FUNDS.get(kind.removeprefix(_DISPUTES), {}).get(event_type, event_type)
    return Event(
        event_id,
        kind,
        event_type,
        payment=_id(dispute.get("payment_intent")),
        amount=_amount(dispute, "amount"),
        currency=_text(dispute, "currency").lower(),
        dispute=_text(dispute, "id"),
        at=at,
    )


def _created_at(event: Mapping[str, Any]) -> int:
    created = event.get("created")
    if created is None:
        return 0
    if isinstance(created, bool) or not isinstance(created, int) or not 0 <= created < 2**40:
        raise _MalformedEvent
    return created


def _text(values: Mapping[str, Any], name: str) -> str:
    text = values.get(name)
    if text is None:
        return ""
    if not isinstance(text, str) or len(text) > 200 or "\x00" in text:
        raise _MalformedEvent
    return text


def _id(value: Any) -> str:
    """An id, or the id of an expanded object."""
    return _text(value if isinstance(value, dict) else {"id": value}, "id")


def _amount(values: Mapping[str, Any], name: str) -> int | None:
    found = values.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**31:
        raise _MalformedEvent
    return found


def _provider_error(error: stripe.StripeError) -> ProviderError:
    """Our error from Stripe's class, code, field and request id; never its message, which may repeat a key."""
    status = error.http_status or 0
    permanent = 400 <= status < 500 and status not in {409, 429}
    parts = [type(error).__name__, f"status {status}" if status else "no answer", str(error.code or "")]
    # The name of a field that we sent.
    parts.append(str(getattr(error, "param", None) or "")[:100])
    return ProviderError(
        " · ".join([*filter(None, parts), error.request_id or ""]).strip(" ·"), permanent=permanent
    )
