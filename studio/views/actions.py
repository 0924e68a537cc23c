"""Actions on predictions of the sheet: poll, cancel, retry, vary."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.credits import amounts
from core.http.pages import base_url, page
from gallery.items import access
from predictions import lifecycle
from predictions.models import Prediction, Version
from predictions.models.prediction import MadeHow
from predictions.pricing import calculator
from predictions.submit import acceptance, checks, refusals, work_request
from studio import lineage
from studio.form import field_values, form_state, prefill, refusal_messages
from studio.lineage import Origin
from studio.sheet import strip_list

STOP_POLLING = 286
MAX_KNOWN = 400
"""Strips and parts per poll."""
VARIATIONS = 4


@require_safe
@member_required
def group(request: HttpRequest, batch: str) -> HttpResponse:
    """All frames of a group: the group opened in place, or a page of its own."""
    found = access.or_404(strip_list.find_group(account_of(request), batch[:26], user=user_of(request)))
    if request.headers.get("HX-Request") == "true":
        return page(request, "studio/_batch.html", {"batch": found})
    return page(request, "studio/group.html", {"batch": found, "live": found.live})


@require_POST
@member_required
def live(request: HttpRequest) -> HttpResponse:
    """Poll: the strips that changed since the page last got them. Status 286 where nothing is left to poll for."""
    states = dict(_parse_key(key) for key in request.POST.getlist("known")[:MAX_KNOWN])
    account = account_of(request)
    batches = strip_list.find_strips(account, list(states), fresh=True, user=user_of(request))
    changed = [batch for batch in batches if batch.state_key != states.get(batch.key)]
    is_live = strip_list.any_live(batches)
    context = {"batches": changed, "account": account, "settled": any(not batch.live for batch in changed)}
    if not changed:
        return HttpResponse(status=204 if is_live else STOP_POLLING)
    return page(request, "studio/_live.html", context, status=200 if is_live else STOP_POLLING)


def _parse_key(key: str) -> tuple[str, str]:
    return key.split(".")[0][:26], key[:80]


@require_POST
@member_required
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Cancel an own prediction; shows what was returned, or that it was too late."""
    prediction = _own(request, public_id)
    after = lifecycle.cancel(prediction.public_id)
    batches = strip_list.find_strips(
        account_of(request), [public_id, prediction.batch], user=user_of(request)
    )
    if request.headers.get("HX-Request") == "true":
        return _updated_strips(request, batches)
    if after.is_ended and after.shown_status == "canceled":
        _report_cancelled(request, after.ceiling - (after.charge or 0))
    else:
        messages.info(request, _("Too late to cancel: it was already done."))
    return HttpResponseRedirect(reverse("studio"))


@require_POST
@member_required
def cancel_rest(request: HttpRequest, batch: str) -> HttpResponse:
    """Cancel what is still live of a batch; what has ended stays."""
    account = account_of(request)
    batch_rows = Prediction.objects.owned_by(account).filter(strip_list.IN_BATCH, batch=batch[:26])
    live_ones = list(batch_rows.live().order_by("-id"))
    if not live_ones and not batch_rows.exists():
        raise Http404
    # The last first: one at the end is not started while those before it are being cancelled.
    ended = [lifecycle.cancel(prediction.public_id) for prediction in live_ones]
    if request.headers.get("HX-Request") == "true":
        ids = [prediction.public_id for prediction in live_ones]
        return _updated_strips(
            request, strip_list.find_strips(account, [*ids, batch[:26]], user=user_of(request))
        )
    came_back = sum(prediction.ceiling for prediction in ended if prediction.shown_status == "canceled")
    if came_back:
        _report_cancelled(request, came_back)
    else:
        messages.info(request, _("Too late to cancel: it was already done."))
    return HttpResponseRedirect(reverse("studio"))


def _report_cancelled(request: HttpRequest, came_back: int) -> None:
    message = _("Cancelled. %(credits)s came back.") % {"credits": amounts.with_unit(came_back)}
    messages.success(request, message)


@require_POST
@member_required
def retry(request: HttpRequest, public_id: str) -> HttpResponse:
    """Request the same again, at the current price."""
    source = _own(request, public_id)
    origin = lineage.of_form(
        account_of(request), {"made_from": source.made_from, "made_how": source.made_how}
    )
    return _submit(request, source, source.input, origin)


@require_POST
@member_required
def vary(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make variations of an item: its own settings with new seeds, up to four where its model makes several."""
    found = lineage.recipe(account_of(request), public_id)
    if found is None:
        raise Http404
    item, source = found
    if source.data_removed:
        messages.error(request, _("What made this picture was deleted, so it cannot be varied."))
        return _messages_response(request)
    origin = lineage.of_item(account_of(request), item, MadeHow.VARIATION)
    return _submit(request, source, _varied(source), origin)


def _varied(source: Prediction) -> dict[str, Any]:
    """The input of variations: the same without its seed."""
    input_ = {name: value for name, value in source.input.items() if name != "seed"}
    name = calculator.count_key(source.version)
    if name:
        most = source.version.properties[name].get("maximum", VARIATIONS)
        input_[name] = max(1, min(VARIATIONS, int(most)))
    return input_


@require_safe
@member_required
def vary_price(request: HttpRequest, public_id: str) -> HttpResponse:
    """How many variations there would be and what they cost, for the menu that offers them."""
    found = lineage.recipe(account_of(request), public_id)
    if found is None:
        raise Http404
    source = found[1]
    input_ = _varied(source)
    try:
        cost = checks.quote(source.version, input_, account_of(request))
    except refusals.ModelNotAvailable:
        return HttpResponse(_("Not available"), content_type="text/plain; charset=utf-8")
    message = f"{max(1, calculator.requested_outputs(source.version, input_))} · {amounts.with_unit(cost)}"
    return HttpResponse(message, content_type="text/plain; charset=utf-8")


def _submit(request: HttpRequest, source: Prediction, input_: dict[str, Any], origin: Origin) -> HttpResponse:
    """Request one prediction like another; its strip for htmx, else the studio's page."""
    work = work_request.Request(
        account=account_of(request),
        user=user_of(request),
        version=source.version,
        input=input_,
        source="web",
        origin=base_url(request),
        made_from=origin.item_id,
        made_how=origin.how,
    )
    try:
        row = acceptance.accept(work)
    except refusals.Refused as refused:
        messages.error(request, refusal_message(request, refused, source.version, input_))
        return _messages_response(request)
    if request.headers.get("HX-Request") == "true":
        return new_strips(request, [row])
    return HttpResponseRedirect(reverse("studio"))


def new_strips(request: HttpRequest, rows: list[Prediction]) -> HttpResponse:
    """The new strips, for the open sheet."""
    account, user = account_of(request), user_of(request)
    account.refresh_from_db()
    group = strip_list.find_group(account, rows[0].batch, user=user)
    batches = [group] if group else strip_list.find_strips(account, [rows[0].public_id], user=user)
    return page(request, "studio/_made.html", {"batches": batches, "live": True, "account": account})


def refusal_message(
    request: HttpRequest, refused: refusals.Refused, version: Version, inputs: dict[str, Any]
) -> str:
    """The message on why nothing was accepted, in the reader's language."""
    if isinstance(refused, refusals.InsufficientCredit):
        account_of(request).refresh_from_db()
        limit = (
            refusal_messages.limit_reached(refused)
            if isinstance(refused, refusals.AccountLimit)
            else refused.detail
        )
        return str(form_state.button_context(request, version, inputs)["short_of"]) or limit
    if isinstance(refused, refusals.InvalidInput):
        return " ".join(field_values.error_messages(version, inputs, refused.faults).values())
    if isinstance(refused, refusals.PlanModel):
        return form_state.unavailable_message(refused)
    if isinstance(refused, refusals.StorageFull):
        return refusal_messages.storage_full(refused)
    if isinstance(refused, refusals.TooManyWaiting):
        return refusal_messages.too_many_waiting(refused)
    words = {
        refusals.AccountSuspended: _("This account is closed to new pictures. You can download yours."),
        refusals.ModelNotAvailable: _("No provider can serve this model now. Nothing was charged."),
        refusals.ServerFull: _("The server has too little free space for new pictures. Nothing was charged."),
    }
    return words.get(type(refused), refused.detail)


def _updated_strips(request: HttpRequest, batches: list[strip_list.Strip]) -> HttpResponse:
    account = account_of(request)
    account.refresh_from_db()
    return page(request, "studio/_live.html", {"batches": batches, "account": account, "settled": True})


def _messages_response(request: HttpRequest) -> HttpResponse:
    """The messages as toasts on the open page, or on the studio's page."""
    if request.headers.get("HX-Request") == "true":
        response = page(request, "studio/_toasts.html", status=200)
        response["HX-Reswap"] = "none"
        return response
    return HttpResponseRedirect(reverse("studio"))


def _own(request: HttpRequest, public_id: str) -> Prediction:
    return access.or_404(prefill.own_prediction(request, public_id))


MAX_HAVE = 100
"""Strips that a page may say it has."""
MAX_REFRESH = 24


@require_POST
@member_required
def strips(request: HttpRequest) -> HttpResponse:
    """POST /live/strips/: those of the newest strips that the page lacks, and those it asks to refresh.

    `have`: ids of the elements that it has; `again`: predictions whose strips or parts have changed.
    """
    have = {value[:80] for value in request.POST.getlist("have")[:MAX_HAVE]}
    refresh = [value[:26] for value in request.POST.getlist("again")[:MAX_REFRESH]]
    account, user = account_of(request), user_of(request)
    found = [strip for strip in strip_list.recent(account, user) if f"batch-{strip.key}" not in have]
    found += strip_list.find_strips(account, refresh, user=user) if refresh else []
    return page(request, "studio/_arrived.html", {"batches": found}, status=200 if found else 204)
