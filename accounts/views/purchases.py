"""Pages to buy credits, order receipts, and the webhook of payment providers."""

from __future__ import annotations

from typing import Any, cast

import structlog
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import ownership
from accounts.billing import orders, payment_events, provider_registry
from accounts.billing.provider_base import InvalidWebhook
from accounts.credits.form_fields import ONCE, OnceForm
from accounts.models import CreditPack, Dispute, Purchase, User
from core import timezones

log = structlog.get_logger(__name__)
LARGEST_EVENT = 512 * 1024
"""Largest webhook body in bytes; Stripe's are a few thousand."""
_PURCHASES_LISTED = 30
_MAX_POLLS = 30
"""How often the page of an order polls for its payment."""


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def credits(request: HttpRequest) -> HttpResponse:
    """Packs for sale and past purchases. A POST orders a pack and redirects to the provider's checkout page."""
    user = cast(User, request.user)
    account = ownership.money_account(user)
    refusal: orders.CannotBuy | None = None
    if request.method == "POST":
        outcome = _place_order(request, user)
        if isinstance(outcome, HttpResponse):
            return outcome
        refusal = outcome
    selling = provider_registry.is_selling()
    rows = Purchase.objects.filter(account=account).order_by("-id")[: _PURCHASES_LISTED + 1]
    context: dict[str, Any] = {
        "own": account,
        "packs": CreditPack.objects.filter(enabled=True) if selling else [],
        "purchases": rows,
        "once": OnceForm().fields["once"].initial,
        "refusal": refusal,
        "cancelled": "cancelled" in request.GET,
    }
    status = 200 if refusal is None else 502 if refusal.why in {"provider", "refused"} else 409
    with timezone.override(timezones.for_reader(request)):
        return _allow_checkout(render(request, "accounts/credits.html", context, status=status))


def _place_order(request: HttpRequest, user: User) -> HttpResponse | orders.CannotBuy:
    pack, once = request.POST.get("pack", ""), request.POST.get("once", "")
    if not (pack.isascii() and pack.isdigit() and len(pack) < 19):
        return orders.CannotBuy("gone")
    if not ONCE.fullmatch(once):
        return orders.CannotBuy("stale")
    # A placeholder for the reference, which is not known yet.
    page = request.build_absolute_uri(reverse("account_purchase", args=["0" * 20])).replace(
        "0" * 20, "{reference}"
    )
    return_urls = orders.ReturnUrls(
        success_url=page, cancel_url=request.build_absolute_uri(f"{reverse('account_credits')}?cancelled=1")
    )
    try:
        _purchase, checkout = orders.buy(
            user, ownership.money_account(user), int(pack), once=once, return_urls=return_urls
        )
    except orders.CannotBuy as error:
        log.info("not_bought", why=error.why, cause=str(error.__cause__ or ""))
        return error
    answer = HttpResponseRedirect(checkout.url)
    answer.status_code = 303
    return answer


def _allow_checkout(response: HttpResponse) -> HttpResponse:
    """Allow the form's redirect to the provider: browsers apply `form-action` to redirects after a form too."""
    provider = provider_registry.default_provider()
    if provider is not None:
        origins = " ".join(provider.page_origins)
        response["Content-Security-Policy"] = (
            "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; style-src-attr 'unsafe-inline'; "
            f"object-src 'none'; base-uri 'none'; form-action 'self' {origins}; frame-ancestors 'none'"
        )
    return response


@never_cache
@require_GET
@login_required
def purchase(request: HttpRequest, reference: str) -> HttpResponse:
    """One order, pending or as a receipt. Returns a fragment to htmx while the page polls."""
    account = ownership.money_account(cast(User, request.user))
    order = Purchase.objects.filter(account=account, reference=reference).first()
    if order is None:
        raise Http404
    text = request.GET.get("asked", "")
    polls = min(int(text), _MAX_POLLS) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    context = {
        "purchase": order,
        "disputes": order.disputes.exclude(state=Dispute.State.INQUIRY).order_by("pk"),
        "own": account,
        "asks_again": order.status == Purchase.Status.OPEN and polls < _MAX_POLLS,
        "next_asked": polls + 1,
        "fragment": bool(getattr(request, "htmx", False)),
    }
    template = "accounts/_purchase.html" if context["fragment"] else "accounts/purchase.html"
    with timezone.override(timezones.for_reader(request)):
        return render(request, template, context)


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, provider: str) -> HttpResponse:
    """Receive a provider's event. 2xx only after it is committed; after anything else the provider retries."""
    provider_client = provider_registry.provider(provider)
    if provider_client is None:
        return JsonResponse({"error": "There is no such provider here."}, status=404)
    body = _body(request)
    if body is None:
        return JsonResponse({"error": "The body is too large."}, status=413)
    try:
        event = provider_client.verify(request.headers, body)
    except InvalidWebhook:
        log.warning("payment_event_forged", provider=provider)
        return JsonResponse({"error": "The signature does not fit."}, status=400)
    return JsonResponse({"received": True, "outcome": payment_events.receive(provider, event)})


def _body(request: HttpRequest) -> bytes | None:
    """The raw body, for the signature; None where it is larger than any event."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > LARGEST_EVENT:
        return None
    try:
        body = request.read(LARGEST_EVENT + 1)
    except UnreadablePostError:
        return b""
    return None if len(body) > LARGEST_EVENT else body
