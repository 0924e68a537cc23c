"""The studio's pages and fragments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from gallery import access, money
from gallery.models import Item
from gallery.pages import account_of, base_url, member, page, user_of
from gallery.studio import desk, inputs, needs, reading, sheet
from predictions import lifecycle, submit
from predictions.models import Prediction, Version

STOP_POLLING = 286
SAMPLES = (
    gettext_lazy("a red balloon over green hills at sunset"),
    gettext_lazy("a lighthouse on a cliff, storm clouds, oil painting"),
    gettext_lazy("a snowy pine forest under northern lights"),
)


@require_safe
@member
def studio(request: HttpRequest) -> HttpResponse:
    """The studio: filled in from `?from=` (an own prediction) or `?item=` (a picture whose prompt may be read)."""
    version, values = _wish(request)
    return _studio_page(request, version, values)


def _wish(request: HttpRequest) -> tuple[Version | None, dict[str, Any]]:
    source = _source(request)
    if source is not None:
        return source.version, reading.as_form(source.version, source.input)
    version = desk.version_of(request.GET.get("model", ""))
    fields = request.GET.dict()
    return version, reading.kept(version, fields) if version is not None else fields


def _source(request: HttpRequest) -> Prediction | None:
    if "from" in request.GET:
        mine = Prediction.objects.owned_by(account_of(request)).select_related("version__model")
        return mine.filter(public_id=request.GET["from"]).first()
    if "item" in request.GET:
        items = Item.objects.public().filter(show_prompt=True, public_id=request.GET["item"])
        item = items.select_related("output__prediction__version__model").first()
        return item.output.prediction if item is not None else None
    return None


def _studio_page(
    request: HttpRequest,
    version: Version | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    batches = sheet.recent(account_of(request))
    context = {
        **desk.form_context(request, version, values, errors, refusal),
        "batches": batches,
        "live": sheet.any_live(batches),
        "samples": SAMPLES,
    }
    return page(request, "studio/studio.html", context, status=status)


@require_POST
@member
def make(request: HttpRequest) -> HttpResponse:
    """Ask for pictures. What is wrong comes back with the form kept and a sentence under its field."""
    version = desk.version_of(request.POST.get("model", ""))
    if version is None:
        return _refused(request, None, request.POST, refusal=_("Choose a model first."))
    form, wrong = inputs.settled(request, version)
    given = reading.read(version, form)
    wrong = needs.faults(version, given) | wrong
    if wrong:
        return _refused(request, version, form, errors=wrong)
    wish = submit.Request(
        account=account_of(request),
        user=user_of(request),
        version=version,
        input=given,
        source="web",
        origin=base_url(request),
    )
    try:
        prediction = submit.accept(wish)
    except submit.InvalidInput as refused:
        errors = reading.sentences(version, given, refused.faults)
        return _refused(request, version, form, errors=errors)
    except submit.Refused as refused:
        return _refused(request, version, form, refusal=_why(request, refused, version, given))
    if request.headers.get("HX-Request") == "true":
        return _made(request, prediction)
    return HttpResponseRedirect(f"{reverse('studio')}?{_as_address(form, version)}")


def _as_address(form: QueryDict, version: Version) -> str:
    """The form as an address, so that the next picture starts from the same settings without JavaScript too."""
    kept = QueryDict(mutable=True)
    kept["model"] = version.model.ref
    for name in reading.ordered(version):
        value = reading.raw(form, name)
        if value:
            kept[name] = value[:1000]
    if reading.SWITCHES in form:
        kept[reading.SWITCHES] = "1"
    return kept.urlencode()


def _made(request: HttpRequest, prediction: Prediction) -> HttpResponse:
    account = account_of(request)
    account.refresh_from_db()
    batches = sheet.some(account, [prediction.public_id])
    return page(request, "studio/_made.html", {"batches": batches, "live": True, "account": account})


def _refused(
    request: HttpRequest,
    version: Version | None,
    form: QueryDict,
    *,
    errors: Mapping[str, str] | None = None,
    refusal: str = "",
) -> HttpResponse:
    values = reading.kept(version, form) if version is not None else {}
    if request.headers.get("HX-Request") == "true":
        context = desk.form_context(request, version, values, errors, refusal)
        response = page(request, "studio/_form.html", context, status=422)
        response["HX-Retarget"], response["HX-Reswap"] = "#form", "outerHTML"
        return response
    return _studio_page(request, version, values, errors, refusal, status=422)


def _why(request: HttpRequest, refused: submit.Refused, version: Version, given: dict[str, Any]) -> str:
    if isinstance(refused, submit.InsufficientCredit):
        account_of(request).refresh_from_db()
        return str(desk.price_of(request, version, given)["short_of"]) or refused.detail
    words = {
        submit.AccountSuspended: _("This account is closed to new pictures. You can download yours."),
        submit.ModelNotAvailable: _("No provider can serve this model now. Nothing was charged."),
        submit.ServerFull: _("The server has too little free space for new pictures. Nothing was charged."),
    }
    return words.get(type(refused), refused.detail)


@require_POST
@member
def live(request: HttpRequest) -> HttpResponse:
    """What changed since the page knew it: only those strips. Says when there is nothing left to ask for."""
    known = dict(_parse_key(key) for key in request.POST.getlist("known")[: sheet.SHOWN * 4])
    account = account_of(request)
    batches = sheet.some(account, list(known), fresh=True)
    changed = [batch for batch in batches if batch.state_key != known.get(batch.prediction.public_id)]
    more = sheet.any_live(batches)
    context = {"batches": changed, "account": account, "settled": any(not batch.live for batch in changed)}
    if not changed:
        return HttpResponse(status=204 if more else STOP_POLLING)
    return page(request, "studio/_live.html", context, status=200 if more else STOP_POLLING)


def _parse_key(key: str) -> tuple[str, str]:
    return key.split(".")[0][:26], key[:80]


@require_POST
@member
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Cancel one's own; says what came back, or that it was too late."""
    prediction = _own(request, public_id)
    after = lifecycle.cancel(prediction.public_id)
    batches = sheet.some(account_of(request), [public_id])
    if request.headers.get("HX-Request") == "true":
        account = account_of(request)
        account.refresh_from_db()
        return page(request, "studio/_live.html", {"batches": batches, "account": account, "settled": True})
    if after.is_ended and after.shown_status == "canceled":
        words = _("Cancelled. %(credits)s came back.") % {"credits": money.words(batches[0].came_back)}
        messages.success(request, words)
    else:
        messages.info(request, _("Too late to cancel: it was already done."))
    return HttpResponseRedirect(reverse("studio"))


@require_POST
@member
def again(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make the same once more, at today's price."""
    source = _own(request, public_id)
    wish = submit.Request(
        account=account_of(request),
        user=user_of(request),
        version=source.version,
        input=source.input,
        source="web",
        origin=source.origin or base_url(request),
    )
    try:
        submit.accept(wish)
    except submit.Refused as refused:
        messages.error(request, _why(request, refused, source.version, source.input))
    return HttpResponseRedirect(reverse("studio"))


def _own(request: HttpRequest, public_id: str) -> Prediction:
    mine = Prediction.objects.owned_by(account_of(request)).select_related("version__model")
    return access.found(mine.filter(public_id=public_id).first())
