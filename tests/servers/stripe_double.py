"""A double of Stripe's API on this machine: checks requests as Stripe does, keeps idempotency keys, signs events.

Only what Darkroom asks of it; what it does not know it refuses, so that a wrong field is found here.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import stripe

KEY = "sk_test_double_0123456789"
SECRET = "whsec_double_0123456789"
_SESSION_FIELDS = {
    "mode", "line_items", "client_reference_id", "metadata", "payment_intent_data", "success_url", "cancel_url",
    "expires_at", "locale", "customer_email", "adaptive_pricing",
}  # fmt: skip


class Refused(Exception):
    """A request that Stripe refuses."""

    def __init__(self, status: int, message: str, code: str = "parameter_invalid") -> None:
        self.status, self.code = status, code
        super().__init__(message)


class StripeDouble:
    """The double: its sessions, payments and refunds, and how to have it misbehave."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.fail_with: int = 0
        """Answer every request with this status; 0: answer as one should."""
        self._kept: dict[str, tuple[str, dict[str, Any]]] = {}
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                double._answer(self, "GET")

            def do_POST(self) -> None:
                double._answer(self, "POST")

            def log_message(self, *_words: Any) -> None:
                """Nothing: tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[StripeDouble]:
        thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(timeout=5)

    # -- What tests ask of it ------------------------------------------------------------------------------------

    def pay(self, session_id: str, **changed: Any) -> dict[str, Any]:
        """The buyer pays on the page: the event that Stripe sends then."""
        session = self.sessions[session_id]
        session |= {
            "status": "complete",
            "payment_status": "paid",
            "payment_intent": f"pi_{session_id}",
        } | changed
        return self.event("checkout.session.completed", session)

    def event(self, kind: str, inner: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """An event as Stripe words it."""
        made = {
            "id": f"evt_{next(self._count)}", "object": "event", "api_version": "2026-01-28", "type": kind,
            "created": int(time.time()), "livemode": False, "data": {"object": dict(inner)},
        }  # fmt: skip
        return made | changed

    def refunded(self, session_id: str, amount: int, **changed: Any) -> dict[str, Any]:
        """The event of a refund: how much was paid back of the charge in all."""
        session = self.sessions[session_id]
        charge = {
            "id": f"ch_{session_id}", "object": "charge", "amount": session["amount_total"], "amount_refunded": amount,
            "currency": session["currency"], "payment_intent": f"pi_{session_id}", "metadata": session["metadata"],
            "refunded": amount >= session["amount_total"],
        }  # fmt: skip
        return self.event("charge.refunded", charge | changed)

    def dispute(self, session_id: str, kind: str, status: str, **changed: Any) -> dict[str, Any]:
        """The event of a dispute: `created` or `closed`."""
        session = self.sessions[session_id]
        inner = {
            "id": f"dp_{session_id}", "object": "dispute", "amount": session["amount_total"], "status": status,
            "currency": session["currency"], "payment_intent": f"pi_{session_id}", "charge": f"ch_{session_id}",
        }  # fmt: skip
        return self.event(f"charge.dispute.{kind}", inner | changed)

    def send_back(self, refund: dict[str, Any]) -> dict[str, Any]:
        """The bank sends a refund back: what Stripe says of it from then on, and the event that it sends."""
        refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
        return self.event("refund.failed", refund)

    @staticmethod
    def signed(event: Any, *, secret: str = SECRET, at: int | None = None) -> tuple[bytes, str]:
        """The body and the header of a webhook, signed by Stripe's own library."""
        text = event if isinstance(event, str) else json.dumps(event)
        return text.encode(), stripe.WebhookSignature.generate_signature_header(text, secret, at)

    # -- The server ----------------------------------------------------------------------------------------------

    def _answer(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        form = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body)))
        with self._lock:
            self.requests.append((method, handler.path, form))
            try:
                status, answer = 200, self._done(handler, method, body, form)
            except Refused as error:
                status = error.status
                answer = {
                    "error": {"type": "invalid_request_error", "code": error.code, "message": str(error)}
                }
        text = json.dumps(answer).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.send_header("Request-Id", "req_double")
        handler.end_headers()
        handler.wfile.write(text)

    def _done(
        self, handler: BaseHTTPRequestHandler, method: str, body: str, form: dict[str, str]
    ) -> dict[str, Any]:
        if self.fail_with:
            raise Refused(self.fail_with, f"It does not work. Your key is {KEY}.", "api_error")
        if handler.headers.get("Authorization") != f"Bearer {KEY}":
            raise Refused(401, f"Invalid API Key provided: {KEY}", "api_key_invalid")
        path = handler.path.split("?")[0]
        if method == "GET" and (found := re.fullmatch(r"/v1/checkout/sessions/(\w+)", path)):
            if found[1] not in self.sessions:
                raise Refused(404, "No such checkout.session", "resource_missing")
            return self.sessions[found[1]]
        if method == "GET" and (found := re.fullmatch(r"/v1/payment_intents/pi_(\w+)", path)):
            return self._payment(found[1])
        if method != "POST" or path not in {"/v1/checkout/sessions", "/v1/refunds"}:
            raise Refused(404, f"Unrecognized request URL ({method}: {path}).", "url_invalid")
        if handler.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise Refused(400, "Bodies are form-encoded.")
        key = handler.headers.get("Idempotency-Key", "")
        if not key:
            raise Refused(400, "Darkroom always sends an Idempotency-Key.")
        if key in self._kept:
            before, answer = self._kept[key]
            if before != body:
                raise Refused(
                    400, "Keys can only be used with the same parameters.", "idempotency_key_in_use"
                )
            return answer
        answer = self._session(form) if path.endswith("sessions") else self._refund(form)
        self._kept[key] = (body, answer)
        return answer

    def _session(self, form: dict[str, str]) -> dict[str, Any]:
        unknown = {name.split("[")[0] for name in form} - _SESSION_FIELDS
        if unknown:
            raise Refused(400, f"Received unknown parameters: {unknown}", "parameter_unknown")
        item = "line_items[0]"
        price = f"{item}[price_data]"
        needed = [
            "mode", "success_url", "cancel_url", f"{item}[quantity]", f"{price}[currency]", f"{price}[unit_amount]",
            f"{price}[product_data][name]",
        ]  # fmt: skip
        for name in needed:
            if not form.get(name):
                raise Refused(400, f"Missing required param: {name}.", "parameter_missing")
        if form["mode"] != "payment":
            raise Refused(400, "Only payments here.")
        for name in ("success_url", "cancel_url"):
            if not form[name].startswith(("http://", "https://")):
                raise Refused(400, f"Not a valid URL: {name}", "url_invalid")
        if not time.time() + 1700 < int(form["expires_at"]) < time.time() + 24 * 3600:
            raise Refused(400, "expires_at is between 30 minutes and 24 hours away.")
        if (
            len(form[f"{price}[currency]"]) != 3
            or form[f"{price}[currency]"] != form[f"{price}[currency]"].lower()
        ):
            raise Refused(400, "Invalid currency.")
        number = f"cs_test_{next(self._count)}"
        self.sessions[number] = {
            "id": number, "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid",
            "amount_total": int(form[f"{price}[unit_amount]"]) * int(form[f"{item}[quantity]"]),
            "currency": form[f"{price}[currency]"], "client_reference_id": form.get("client_reference_id"),
            "metadata": {"purchase": form["metadata[purchase]"]}, "payment_intent": None,
            "url": f"{self.base}/pay/{number}", "success_url": form["success_url"], "cancel_url": form["cancel_url"],
        }  # fmt: skip
        return self.sessions[number]

    def _refund(self, form: dict[str, str]) -> dict[str, Any]:
        session = self.sessions.get(form.get("payment_intent", "").removeprefix("pi_"))
        if session is None or session["payment_status"] != "paid":
            raise Refused(400, "No such payment_intent", "resource_missing")
        before = self._paid_back(form["payment_intent"])
        amount = int(form["amount"])
        if amount + before > session["amount_total"]:
            raise Refused(400, "Refund amount is greater than the charge.", "charge_already_refunded")
        made = {
            "id": f"re_{next(self._count)}", "object": "refund", "amount": amount, "status": "succeeded",
            "payment_intent": form["payment_intent"], "currency": session["currency"],
        }  # fmt: skip
        self.refunds.append(made)
        return made

    def _paid_back(self, payment: str) -> int:
        good = [one for one in self.refunds if one["status"] != "failed"]
        return sum(one["amount"] for one in good if one["payment_intent"] == payment)

    def _payment(self, session_id: str) -> dict[str, Any]:
        if session_id not in self.sessions:
            raise Refused(404, "No such payment_intent", "resource_missing")
        charge = {
            "id": f"ch_{session_id}",
            "object": "charge",
            "amount_refunded": self._paid_back(f"pi_{session_id}"),
        }
        return {"id": f"pi_{session_id}", "object": "payment_intent", "latest_charge": charge}
