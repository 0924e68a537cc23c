"""The studio's form: what it is filled with, which models there are, and what the button says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gallery import money
from gallery.models import Item
from gallery.pages import account_of, member, page
from gallery.studio import batches, reading
from gallery.studio.controls import Panel, panel
from predictions import availability, catalogue, pricing, submit
from predictions import samples as shop_window
from predictions.models import HostedModel, Price, Version
from predictions.running import providers

LOOKED_AT = 100
"""Published pictures among which samples for the picker are found."""


@dataclass(frozen=True)
class Choice:
    """A model in the picker, and why it cannot be chosen where it cannot."""

    model: HostedModel
    price: int | None
    per_run: bool
    available: bool
    reason: str = ""
    sample: str = ""
    """The public id of a published picture made with it."""
    poster: str = ""
    """Where there is none: the static file of the sample that ships with Darkroom."""


def form_context(
    request: HttpRequest,
    version: Version | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    refusal: str = "",
    dropped: list[str] | None = None,
) -> dict[str, Any]:
    """What the form's template needs; the first usable model where none is chosen."""
    choices = _choices()
    if version is None:
        version = _default_version(choices)
        values = reading.kept(version, values) if version is not None else {}
    chosen: Panel | None = panel(version, values, errors, dropped) if version is not None else None
    context: dict[str, Any] = {
        "choices": choices,
        "panel": chosen,
        "errors": errors or {},
        "refusal": refusal,
    }
    if version is not None:
        context["choice"] = next((choice for choice in choices if choice.model.pk == version.model_id), None)
        context["procedural"] = _embedded(version.model)
        context |= price_of(request, version, _typed(version, values))
    return context


def _typed(version: Version, values: Mapping[str, Any]) -> dict[str, Any]:
    return reading.read(version, {name: str(value) for name, value in values.items()})


def price_of(request: HttpRequest, version: Version, given: dict[str, Any]) -> dict[str, Any]:
    """What the button says: how many, what it costs, and whether there is enough."""
    times = batches.count_of(version, request.POST or request.GET)
    try:
        cost = submit.quote(version, given) * times
    except submit.ModelNotAvailable as refused:
        return {"cost": None, "count": 1, "short_of": refused.detail}
    account = account_of(request)
    missing = ""
    if cost > account.balance:
        missing = _("This needs %(cost)s; you have %(have)s. Make fewer, or add credits.") % {
            "cost": money.words(cost), "have": money.short(account.balance),
        }  # fmt: skip
    if times > batches.LARGEST:
        missing = _("At most %(limit)s at once.") % {"limit": batches.LARGEST}
    pictures = max(1, pricing.asked_outputs(version, given)) * times
    return {"cost": cost, "count": pictures, "short_of": missing}


def _choices() -> list[Choice]:
    """All models of the catalogue, those that can be used first."""
    models = list(HostedModel.objects.filter(enabled=True).prefetch_related("prices", "versions"))
    served = availability.served_refs()
    samples = _samples()
    choices = [_choice(model, model.ref in served, samples.get(model.pk, "")) for model in models]
    return sorted(choices, key=lambda choice: not choice.available)


def _samples() -> dict[int, str]:
    """For each model one of the newest published pictures; a look at a few, never a search through all."""
    newest = (
        Item.objects.public()
        .order_by("-published_at", "-id")
        .values_list("model_id", "public_id")[:LOOKED_AT]
    )
    found: dict[int, str] = {}
    for model_id, public_id in newest:
        found.setdefault(model_id, public_id)
    return found


def _choice(model: HostedModel, served: bool, sample: str) -> Choice:
    prices = sorted(model.prices.all(), key=lambda price: -price.number)
    versions = [version for version in model.versions.all() if version.enabled]
    text = bool(versions) and any("prompt" in version.properties for version in versions)
    reason = ""
    if not served:
        reason = _("No provider serves it yet")
    elif not prices or not versions:
        reason = _("It has no price or no version yet")
    elif not text:
        reason = _("Through the API only, for now")
    price = prices[0] if prices else None
    shipped = shop_window.of(model.ref)
    return Choice(
        model,
        price.amount if price else None,
        bool(price and price.unit == Price.Unit.RUN),
        not reason,
        reason,
        "" if reason else sample,
        shipped.poster if shipped and not reason else "",
    )


def _embedded(model: HostedModel) -> bool:
    """Whether the painter on this server would make it."""
    first = next((provider for provider in providers.all_providers() if provider.serves(model.ref)), None)
    return first is not None and first.name == "embedded"


def version_of(ref: str) -> Version | None:
    return catalogue.find_version(ref) if ref else None


def _default_version(choices: list[Choice]) -> Version | None:
    """The newest version of the first model that can be used."""
    first = next((choice for choice in choices if choice.available), None)
    return catalogue.find_version(first.model.ref) if first is not None else None


@require_POST
@member
def form(request: HttpRequest) -> HttpResponse:
    """The form again for another model (`to`): settings that fit are kept, the others are named."""
    old, new = version_of(request.POST.get("model", "")), version_of(request.POST.get("to", ""))
    if new is None:
        return HttpResponse(status=204)
    values, dropped = reading.carry(old, new, request.POST) if old is not None else ({}, [])
    return page(request, "studio/_form.html", form_context(request, new, values, dropped=dropped))


@require_POST
@member
def quote(request: HttpRequest) -> HttpResponse:
    """The button with the price of the form as it stands."""
    version = version_of(request.POST.get("model", ""))
    if version is None:
        return HttpResponse(status=204)
    given = reading.read(version, request.POST)
    return page(request, "studio/_price.html", price_of(request, version, given))
