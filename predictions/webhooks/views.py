"""Webhook pages: signing secret, test events, the log of deliveries with their attempts, sending one again."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.models import Account
from accounts.organizations import roles
from core import pagination
from core.http.pages import base_url, page
from predictions.models import Delivery, Prediction
from predictions.webhooks import delivery_log, failure_reasons, manual_delivery, signing_secrets
from predictions.webhooks.forms import TestEventForm

PAGE = 30
"""Deliveries on a page of the log."""
MAX_BODY_LENGTH = 20_000
"""Characters of a body that a page shows at most."""
MAX_POLLS = 20
"""How often a page polls the state of one delivery at most."""
_SOON = timedelta(seconds=20)
"""An owed delivery due within this time is polled."""
_BADGES = {"owed": "warning", "delivered": "ok", "given_up": "danger", "dropped": ""}


@dataclass(frozen=True)
class Line:
    """One delivery of the log, as the template renders it."""

    row: Delivery
    target: str
    poll_count: int = 0
    """How often the page has polled it."""

    @property
    def host(self) -> str:
        """Host of its URL, for the list."""
        try:
            return urlsplit(self.target).netloc.rpartition("@")[2][:80] or "–"
        except ValueError:
            return "–"

    @property
    def badge(self) -> str:
        """Badge colour of its state."""
        return _BADGES.get(self.row.state, "")

    @property
    def note(self) -> str:
        """The last attempt's result, in the reader's language."""
        return failure_reasons.display(self.row.answer_note)

    @property
    def is_owed(self) -> bool:
        return self.row.state == Delivery.State.OWED

    @property
    def next_try(self) -> bool:
        """Whether the next attempt lies in the future, rather than being imminent."""
        return self.is_owed and not self.row.claim and self.row.due_at > timezone.now()

    @property
    def should_poll(self) -> bool:
        """Whether the page should poll again: its state may change within seconds. Limited by `MAX_POLLS`."""
        return self.is_owed and self.row.due_at < timezone.now() + _SOON and self.poll_count < MAX_POLLS

    @property
    def next_poll_count(self) -> int:
        return self.poll_count + 1


@require_safe
@member_required
def webhooks(request: HttpRequest) -> HttpResponse:
    """The page of an account's webhooks; `?state=`, `?event=`, `?prediction=` filter the log."""
    context = _log(request)
    if _wants_fragment(request) and "before" in request.GET:
        return page(request, "webhooks/_delivery_rows.html", context)
    return _full_page(request, context)


def _full_page(
    request: HttpRequest, context: dict[str, Any], *, status: int = 200, **more: Any
) -> HttpResponse:
    context |= {"form": TestEventForm(), **_secret(account_of(request)), **more}
    return page(request, "webhooks/index.html", context, status=status)


def _log(request: HttpRequest) -> dict[str, Any]:
    filters = _filters(request)
    try:
        rows_page = pagination.page(
            delivery_log.entries(account_of(request), **filters), request.GET.get("before", ""), PAGE
        )
    except pagination.BadCursor:
        raise Http404 from None
    chosen = {name: value for name, value in filters.items() if value}
    return {
        "lines": [_line(row) for row in rows_page.rows],
        "older": urlencode({**chosen, "before": rows_page.next}) if rows_page.next else "",
        "filters": filters,
        "filtered": bool(chosen),
        "without_prediction": urlencode({key: value for key, value in chosen.items() if key != "prediction"}),
        "states": _choices("state", Delivery.State.choices, chosen),
        "events": _choices("event", [(value, value) for value in Delivery.Event.values], chosen),
    }


def _filters(request: HttpRequest) -> dict[str, str]:
    """The valid filters; invalid ones count as not given."""
    state, event = request.GET.get("state", ""), request.GET.get("event", "")
    prediction = request.GET.get("prediction", "")
    return {
        "state": state if state in Delivery.State.values else "",
        "event": event if event in Delivery.Event.values else "",
        "prediction": prediction
        if prediction.isalnum() and prediction.isascii() and len(prediction) <= 26
        else "",
    }


def _choices(name: str, options: Any, chosen: dict[str, str]) -> list[dict[str, Any]]:
    """Links that set one filter and keep the others."""
    others = {key: value for key, value in chosen.items() if key != name}
    rows: list[dict[str, Any]] = [
        {"label": _("All"), "query": urlencode(others), "current": name not in chosen}
    ]
    for value, label in options:
        query = urlencode({**others, name: value})
        rows.append({"label": label, "query": query, "current": chosen.get(name) == value})
    return rows


def _secret(account: Account) -> dict[str, Any]:
    return {
        "old_until": signing_secrets.previous_valid_until(account)
        if signing_secrets.previous_secrets(account)
        else None
    }


@require_safe
@member_required
@sensitive_variables("key")
def secret(request: HttpRequest) -> HttpResponse:
    """The secret itself, on request."""
    account = _managed_account(request)
    key = signing_secrets.get_or_create(account)
    return _no_store(_show_secret(request, key))


@require_POST
@member_required
@sensitive_variables("key")
def rotate(request: HttpRequest) -> HttpResponse:
    """Rotate the secret and show the new one in the same response."""
    account = _managed_account(request)
    key = signing_secrets.rotate(account)
    return _no_store(_show_secret(request, key, changed=True))


def _managed_account(request: HttpRequest) -> Account:
    """The account, for members who may see its secret: whoever has that can forge its webhooks."""
    account = account_of(request)
    roles.require(user_of(request), account, roles.MANAGING)
    return account


@sensitive_variables("key")
def _show_secret(request: HttpRequest, key: str, *, changed: bool = False) -> HttpResponse:
    if _wants_fragment(request):
        context = {"key": key, "changed": changed, **_secret(account_of(request))}
        return page(request, "webhooks/_signing_secret.html", context)
    return _full_page(request, _log(request), key=key, changed=changed)


def _no_store(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
@member_required
def test(request: HttpRequest) -> HttpResponse:
    """Send a test event; its line then shows the result."""
    form = TestEventForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            delivery = manual_delivery.send_test(
                account_of(request), data["url"], data["event"], base_url(request)
            )
        except manual_delivery.CannotSend as error:
            form.add_error("url", str(error))
        else:
            if _wants_fragment(request):
                line = _line(delivery_log.get_own(account_of(request), delivery.message_id))
                return page(request, "webhooks/_test_result.html", {"form": form, "line": line})
            return HttpResponseRedirect(reverse("account_webhooks"))
    if _wants_fragment(request):
        return page(request, "webhooks/_test_form.html", {"form": form}, status=422)
    return _full_page(request, _log(request), status=422, form=form)


@require_safe
@member_required
def delivery(request: HttpRequest, message_id: str) -> HttpResponse:
    """One delivery with attempts and body: a fragment inside the log, or a page of its own."""
    row = delivery_log.get_own(account_of(request), message_id)
    context = {"line": _line(row, _poll_count(request)), "tries": _tries(row), **_body(row), "open": True}
    if _wants_fragment(request):
        return page(request, "webhooks/_delivery_detail.html", context)
    return page(request, "webhooks/delivery.html", context)


@require_safe
@member_required
def line(request: HttpRequest, message_id: str) -> HttpResponse:
    """The present line of one delivery, for polling."""
    row = delivery_log.get_own(account_of(request), message_id)
    return page(request, "webhooks/_delivery_summary.html", {"line": _line(row, _poll_count(request))})


def _poll_count(request: HttpRequest) -> int:
    """How often the page has polled; an invalid value ends polling."""
    poll_count = request.GET.get("asked", "0")
    return (
        int(poll_count)
        if poll_count.isascii() and poll_count.isdigit() and len(poll_count) < 4
        else MAX_POLLS
    )


@require_POST
@member_required
def resend(request: HttpRequest, message_id: str) -> HttpResponse:
    """Send a delivery again."""
    row = delivery_log.get_own(account_of(request), message_id)
    refused = ""
    try:
        manual_delivery.resend(row)
    except manual_delivery.CannotSend as error:
        refused = str(error)
    if _wants_fragment(request):
        fresh = delivery_log.get_own(account_of(request), message_id)
        context = {
            "line": _line(fresh),
            "refused": refused,
            "tries": _tries(fresh),
            **_body(fresh),
            "open": True,
        }
        return page(request, "webhooks/_delivery_row.html", context)
    if refused:
        messages.error(request, refused)
    else:
        messages.success(request, _("It is being sent again."))
    return HttpResponseRedirect(reverse("account_webhook", args=[message_id]))


def delivery_lines(prediction: Prediction) -> list[Line]:
    """Deliveries of one prediction, newest first, one page at most; none where it had no webhook."""
    rows = delivery_log.entries(prediction.account_id, prediction=prediction.public_id)
    return [_line(row) for row in rows.order_by("-id")[:PAGE]]


def _line(row: Any, poll_count: int = 0) -> Line:
    return Line(row, row.target, poll_count)


def _tries(row: Delivery) -> list[dict[str, Any]]:
    return [
        {
            "number": attempt.number,
            "at": attempt.at,
            "code": attempt.answer_code,
            "note": failure_reasons.display(attempt.note),
            "took": _duration(attempt.took_ms),
        }
        for attempt in sorted(row.tries.all(), key=lambda attempt: -attempt.number)
    ]


def _duration(milliseconds: int) -> str:
    """`84 ms`, `10.0 s`."""
    if milliseconds < 1000:
        return _("%(number)s ms") % {"number": milliseconds}
    return _("%(seconds)s s") % {"seconds": f"{milliseconds / 1000:.1f}"}


def _body(row: Any) -> dict[str, Any]:
    """The body indented for reading; a long one is cut and left as it is."""
    text = row.body
    if len(text) <= MAX_BODY_LENGTH:
        with contextlib.suppress(ValueError):
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2) if text else ""
    return {"body": text[:MAX_BODY_LENGTH], "cut": len(text) > MAX_BODY_LENGTH, "size": row.size}


def _wants_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
