"""The page of webhooks: the secret, a test event, the log of deliveries with their tries, sending one again."""

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
BODY_SHOWN = 20_000
"""Characters of a body that a page shows."""
ASKED_AT_MOST = 20
"""How often a page asks by itself what became of a delivery."""
_SOON = timedelta(seconds=20)
_BADGES = {"owed": "warning", "delivered": "ok", "given_up": "danger", "dropped": ""}


@dataclass(frozen=True)
class Line:
    """One delivery of the log, for the template."""

    row: Delivery
    target: str
    asked: int = 0
    """How often the page asked for it by itself."""

    @property
    def host(self) -> str:
        """The place of its address, which is what one looks for in a list."""
        try:
            return urlsplit(self.target).netloc.rpartition("@")[2][:80] or "–"
        except ValueError:
            return "–"

    @property
    def badge(self) -> str:
        """The colour of its state."""
        return _BADGES.get(self.row.state, "")

    @property
    def note(self) -> str:
        """What happened last, in the reader's language."""
        return failure_reasons.display(self.row.answer_note)

    @property
    def is_owed(self) -> bool:
        return self.row.state == Delivery.State.OWED

    @property
    def next_try(self) -> bool:
        """Whether a try is planned for later, rather than about to happen."""
        return self.is_owed and not self.row.claim and self.row.due_at > timezone.now()

    @property
    def asks_again(self) -> bool:
        """Whether its state may change within seconds, so that it is worth asking again; not for ever."""
        return self.is_owed and self.row.due_at < timezone.now() + _SOON and self.asked < ASKED_AT_MOST

    @property
    def next_asked(self) -> int:
        return self.asked + 1


@require_safe
@member_required
def webhooks(request: HttpRequest) -> HttpResponse:
    """Everything about the account's webhooks; `?state=`, `?event=`, `?prediction=` choose in the log."""
    context = _log(request)
    if _wants_fragment(request) and "before" in request.GET:
        return page(request, "webhooks/_delivery_rows.html", context)
    return _whole(request, context)


def _whole(request: HttpRequest, context: dict[str, Any], *, status: int = 200, **more: Any) -> HttpResponse:
    context |= {"form": TestEventForm(), **_secret(account_of(request)), **more}
    return page(request, "webhooks/index.html", context, status=status)


def _log(request: HttpRequest) -> dict[str, Any]:
    filters = _filters(request)
    try:
        found = pagination.page(
            delivery_log.entries(account_of(request), **filters), request.GET.get("before", ""), PAGE
        )
    except pagination.BadCursor:
        raise Http404 from None
    chosen = {name: value for name, value in filters.items() if value}
    return {
        "lines": [_line(row) for row in found.rows],
        "older": urlencode({**chosen, "before": found.next}) if found.next else "",
        "filters": filters,
        "filtered": bool(chosen),
        "without_prediction": urlencode({key: one for key, one in chosen.items() if key != "prediction"}),
        "states": _choices("state", Delivery.State.choices, chosen),
        "events": _choices("event", [(one, one) for one in Delivery.Event.values], chosen),
    }


def _filters(request: HttpRequest) -> dict[str, str]:
    """The filters that make sense; the others are as if they had not been given."""
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
    """Links that choose by one filter and keep the others."""
    others = {key: value for key, value in chosen.items() if key != name}
    rows: list[dict[str, Any]] = [
        {"label": _("All"), "query": urlencode(others), "current": name not in chosen}
    ]
    for value, label in options:
        query = urlencode({**others, name: value})
        rows.append({"label": label, "query": query, "current": chosen.get(name) == value})
    return rows


def _secret(account: Account) -> dict[str, Any]:
    return {"old_until": signing_secrets.old_until(account) if signing_secrets.older_of(account) else None}


@require_safe
@member_required
@sensitive_variables("key")
def secret(request: HttpRequest) -> HttpResponse:
    """The secret itself, once somebody asked to see it."""
    account = _owned(request)
    key = signing_secrets.secret_of(account)
    return _unkept(_show_secret(request, key))


@require_POST
@member_required
@sensitive_variables("key")
def rotate(request: HttpRequest) -> HttpResponse:
    """Change the secret and show the new one, in the answer itself."""
    account = _owned(request)
    key = signing_secrets.rotate(account)
    return _unkept(_show_secret(request, key, changed=True))


def _owned(request: HttpRequest) -> Account:
    """The account, for one who may know its secret: with it anybody can forge what it is told."""
    account = account_of(request)
    roles.require(user_of(request), account, roles.MANAGING)
    return account


@sensitive_variables("key")
def _show_secret(request: HttpRequest, key: str, *, changed: bool = False) -> HttpResponse:
    if _wants_fragment(request):
        context = {"key": key, "changed": changed, **_secret(account_of(request))}
        return page(request, "webhooks/_signing_secret.html", context)
    return _whole(request, _log(request), key=key, changed=changed)


def _unkept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
@member_required
def test(request: HttpRequest) -> HttpResponse:
    """Send a test event; its line then says what became of it."""
    form = TestEventForm(request.POST)
    if form.is_valid():
        wish = form.cleaned_data
        try:
            made = manual_delivery.send_test(
                account_of(request), wish["url"], wish["event"], base_url(request)
            )
        except manual_delivery.CannotSend as error:
            form.add_error("url", str(error))
        else:
            if _wants_fragment(request):
                line = _line(delivery_log.own(account_of(request), made.message_id))
                return page(request, "webhooks/_test_result.html", {"form": form, "line": line})
            return HttpResponseRedirect(reverse("account_webhooks"))
    if _wants_fragment(request):
        return page(request, "webhooks/_test_form.html", {"form": form}, status=422)
    return _whole(request, _log(request), status=422, form=form)


@require_safe
@member_required
def delivery(request: HttpRequest, message_id: str) -> HttpResponse:
    """One delivery with its tries and body: opened in the log, or a page of its own."""
    row = delivery_log.own(account_of(request), message_id)
    context = {"line": _line(row, _asked(request)), "tries": _tries(row), **_body(row), "open": True}
    if _wants_fragment(request):
        return page(request, "webhooks/_delivery_detail.html", context)
    return page(request, "webhooks/delivery.html", context)


@require_safe
@member_required
def line(request: HttpRequest, message_id: str) -> HttpResponse:
    """The line of one delivery as it is now; a page that waits for its end asks again, and not for ever."""
    row = delivery_log.own(account_of(request), message_id)
    return page(request, "webhooks/_delivery_summary.html", {"line": _line(row, _asked(request))})


def _asked(request: HttpRequest) -> int:
    """How often the page asked already; what makes no sense ends the asking."""
    asked = request.GET.get("asked", "0")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else ASKED_AT_MOST


@require_POST
@member_required
def resend(request: HttpRequest, message_id: str) -> HttpResponse:
    """Send it once more."""
    row = delivery_log.own(account_of(request), message_id)
    refused = ""
    try:
        manual_delivery.resend(row)
    except manual_delivery.CannotSend as error:
        refused = str(error)
    if _wants_fragment(request):
        now = delivery_log.own(account_of(request), message_id)
        context = {"line": _line(now), "refused": refused, "tries": _tries(now), **_body(now), "open": True}
        return page(request, "webhooks/_delivery_row.html", context)
    if refused:
        messages.error(request, refused)
    else:
        messages.success(request, _("It is being sent again."))
    return HttpResponseRedirect(reverse("account_webhook", args=[message_id]))


def delivery_lines(prediction: Prediction) -> list[Line]:
    """What was told of one prediction, the newest first and not more than a page; none where it had no webhook."""
    rows = delivery_log.entries(prediction.account_id, prediction=prediction.public_id)
    return [_line(row) for row in rows.order_by("-id")[:PAGE]]


def _line(row: Any, asked: int = 0) -> Line:
    return Line(row, row.target, asked)


def _tries(row: Delivery) -> list[dict[str, Any]]:
    return [
        {
            "number": one.number,
            "at": one.at,
            "code": one.answer_code,
            "note": failure_reasons.display(one.note),
            "took": _took(one.took_ms),
        }
        for one in sorted(row.tries.all(), key=lambda one: -one.number)
    ]


def _took(milliseconds: int) -> str:
    """`84 ms`, `10.0 s`."""
    if milliseconds < 1000:
        return _("%(number)s ms") % {"number": milliseconds}
    return _("%(seconds)s s") % {"seconds": f"{milliseconds / 1000:.1f}"}


def _body(row: Any) -> dict[str, Any]:
    """The body laid out for reading, or as it is where it is long."""
    text = row.body
    if len(text) <= BODY_SHOWN:
        with contextlib.suppress(ValueError):
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2) if text else ""
    return {"body": text[:BODY_SHOWN], "cut": len(text) > BODY_SHOWN, "size": row.size}


def _wants_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"
