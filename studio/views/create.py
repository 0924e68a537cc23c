"""The studio's page, and submitting its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.credits import amounts
from accounts.models import Account
from core.http.pages import base_url, page
from predictions.models import Version
from predictions.submit import refusals, validation
from studio import batches, lineage
from studio.form import (
    field_values,
    form_state,
    input_fields,
    input_pictures,
    prefill,
    requirements,
)
from studio.form.form_state import button_context, form_context, version_of
from studio.sheet import strip_list
from studio.views import presets
from studio.views.actions import new_strips, refusal_message

QUOTED = "quoted"
"""Form field: the price on the button when it was pressed, in micro-credits."""
LONGEST_AMOUNT = 18
LONGEST_KEPT = 1000
"""Characters of a field that a URL keeps."""
SAMPLES = (
    gettext_lazy("a red balloon over green hills at sunset"),
    gettext_lazy("a lighthouse on a cliff, storm clouds, oil painting"),
    gettext_lazy("a snowy pine forest under northern lights"),
)


@require_safe
@member_required
def studio(request: HttpRequest) -> HttpResponse:
    """The studio, prefilled from the query string; or only older strips of its sheet (`?after=`, for htmx)."""
    if "after" in request.GET and request.headers.get("HX-Request") == "true":
        older = strip_list.page(account_of(request), request.GET["after"], user=user_of(request))
        return page(request, "studio/_older.html", {"batches": older.strips, "older": older.older})
    return _studio_page(request, prefill.of_address(request))


def _studio_page(
    request: HttpRequest,
    filled: prefill.Prefill,
    errors: Mapping[str, str] | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    account, user = account_of(request), user_of(request)
    sheet = strip_list.page(account, request.GET.get("after", ""), user=user)
    form = request.POST or request.GET
    context = {
        **form_state.form_context(request, filled.version, filled.values, errors, refusal, filled.dropped),
        "batches": sheet.strips,
        "older": sheet.older,
        "live": sheet.live,
        "samples": SAMPLES,
        "origin": filled.origin,
        "presets": presets.for_user(user),
        "each_line": filled.each_line or batches.EACH_LINE in form,
        "seed_count": form.get(batches.SEED_COUNT, "")[:8] or str(filled.seeds),
        "most_seeds": batches.MOST_SEEDS,
        "largest": batches.LARGEST,
        "payer": account.pk,
    }
    return page(request, "studio/studio.html", context, status=status)


@require_POST
@member_required
def make(request: HttpRequest) -> HttpResponse:
    """Submit the form. Where it is invalid, it is rendered again with its values and error messages."""
    version = form_state.version_of(input_fields.model_of(request.POST))
    if version is None:
        return _invalid_response(request, None, request.POST, refusal=_("Choose a model first."))
    payer_message = _payer_change(request.POST, account_of(request))
    if payer_message:
        return _invalid_response(request, version, request.POST, refusal=payer_message)
    form, field_errors = input_pictures.posted_form(request, version)
    inputs = field_values.read(version, form)
    field_errors = requirements.errors(version, inputs) | field_errors
    if field_errors:
        return _invalid_response(request, version, form, errors=field_errors)
    price_message = _price_increase(version, form, inputs, account_of(request))
    if price_message:
        return _invalid_response(request, version, form, refusal=price_message)
    origin = lineage.of_form(account_of(request), form)
    try:
        rows = batches.accept(account_of(request), user_of(request), version, form, origin, base_url(request))
    except batches.NotABatch as refused:
        is_field = refused.field in version.properties
        errors = {refused.field: refused.sentence} if is_field else None
        return _invalid_response(
            request, version, form, errors=errors, refusal="" if is_field else refused.sentence
        )
    except refusals.InvalidInput as refused:
        errors = field_values.error_messages(version, inputs, refused.faults)
        return _invalid_response(request, version, form, errors=errors)
    except refusals.Refused as refused:
        return _invalid_response(
            request, version, form, refusal=refusal_message(request, refused, version, inputs)
        )
    if request.headers.get("HX-Request") == "true":
        return new_strips(request, rows)
    return HttpResponseRedirect(f"{reverse('studio')}?{_query_string(form, version)}")


def _payer_change(form: Mapping[str, str], account: Account) -> str:
    """The message where the form was opened for another account than the one to be charged now; "" otherwise,
    and for forms without an account."""
    if form.get(form_state.PAYER, "") in ("", str(account.pk)):
        return ""
    if account.kind == Account.Kind.ORGANIZATION:
        message = _("You act for %(name)s now. Nothing was charged. Press again to make it on its balance.")
        return message % {"name": account.name}
    return _(
        "You act for your own account now. Nothing was charged. Press again to make it on your own balance."
    )


def _price_increase(
    version: Version, form: Mapping[str, str], inputs: dict[str, Any], account: Account
) -> str:
    """The message where the price is above what the button showed; "" otherwise, and for forms without a price.

    Also "" for invalid forms: their errors are reported first.
    """
    raw = form.get(QUOTED, "")
    if not (raw.isascii() and raw.isdigit() and len(raw) <= LONGEST_AMOUNT):
        return ""
    if batches.count_of(version, form) > batches.LARGEST or validation.check(version, inputs):
        return ""
    try:
        cost = batches.quote(version, form, account)
    except refusals.ModelNotAvailable:
        return ""
    if cost <= int(raw):
        return ""
    words = {"cost": amounts.with_unit(cost), "quoted": amounts.with_unit(int(raw))}
    return (
        _(
            "This costs %(cost)s, not %(quoted)s as the button said. Nothing was charged. Press again to make it."
        )
        % words
    )


def _query_string(form: QueryDict, version: Version) -> str:
    """The form as a query string, so that the next picture starts with the same settings without JavaScript
    too."""
    query = QueryDict(mutable=True)
    query[input_fields.MODEL] = version.model.ref
    for name in field_values.ordered_inputs(version):
        value = field_values.field_text(form, name)
        if value:
            query.appendlist(name, value[:LONGEST_KEPT])
    if field_values.SWITCHES in form:
        query[field_values.SWITCHES] = "1"
    if all(
        len(field_values.field_text(form, name)) <= LONGEST_KEPT
        for name in field_values.ordered_inputs(version)
    ):
        # A list that was cut off would be another list.
        for name in (batches.EACH_LINE, batches.SEED_COUNT):
            if form.get(name, "1") != "1":
                query[name] = str(form[name])[:8]
    return query.urlencode()


def _invalid_response(
    request: HttpRequest,
    version: Version | None,
    form: QueryDict,
    *,
    errors: Mapping[str, str] | None = None,
    refusal: str = "",
) -> HttpResponse:
    values = field_values.form_values(version, form) if version is not None else {}
    if request.headers.get("HX-Request") == "true":
        context = form_state.form_context(request, version, values, errors, refusal)
        # The form is rendered for the account charged now, so that submitting again is for that one.
        context["payer"] = account_of(request).pk
        response = page(request, "studio/_form.html", context, status=422)
        response["HX-Retarget"], response["HX-Reswap"] = "#form", "outerHTML"
        return response
    filled = prefill.Prefill(version, values, lineage.of_form(account_of(request), form))
    return _studio_page(request, filled, errors, refusal, status=422)


@require_POST
@member_required
def form(request: HttpRequest) -> HttpResponse:
    """The form for another model (`to`): values that fit are carried over, the others are named."""
    old, new = version_of(input_fields.model_of(request.POST)), version_of(request.POST.get("to", ""))
    if new is None:
        return HttpResponse(status=204)
    values, dropped = (
        field_values.carry_over(old, new, input_fields.inputs_of(request.POST))
        if old is not None
        else ({}, [])
    )
    return page(request, "studio/_form.html", form_context(request, new, values, dropped=dropped))


@require_POST
@member_required
def quote(request: HttpRequest) -> HttpResponse:
    """The button with the price of the form as it is."""
    version = version_of(input_fields.model_of(request.POST))
    if version is None:
        return HttpResponse(status=204)
    inputs = field_values.read(version, input_fields.inputs_of(request.POST))
    return page(request, "studio/_price.html", button_context(request, version, inputs))
