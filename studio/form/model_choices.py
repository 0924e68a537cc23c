"""The models to choose among: what each is for, what it costs, a picture made with it, and why one cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import cache
from django.utils.translation import gettext as _

from accounts.credits import amounts
from accounts.models import Account
from gallery.models import Item
from predictions import availability
from predictions.catalogue import lookup
from predictions.catalogue import samples as shop_window
from predictions.dispatch import provider_lookup, queue_position
from predictions.models import HostedModel, Price, Version
from predictions.pricing import calculator
from predictions.submit import checks
from studio.form import model_hints, requirements
from studio.form.controls import PROMPTS
from studio.form.input_fields import picture_fields

USUAL_KEY = "usual-times"
USUAL_FOR_S = 60.0
USUAL_EXACT_S = 20
"""Usual times from here on are said in steps of five seconds."""
LOOKED_AT = 100
"""Published pictures among which samples for the picker are found."""


@dataclass(frozen=True)
class Choice:
    """A model in the picker, and why it cannot be chosen where it cannot."""

    model: HostedModel
    price: int | None
    per: str
    """For what that is: `each`, `a run`, `a second`, `a megapixel`."""
    priced: str
    """Both in one phrase."""
    available: bool
    reason: str = ""
    sample: str = ""
    """The public id of a published picture made with it."""
    poster: str = ""
    """Where there is none: the static file of the sample that ships with Darkroom."""
    sentence: str = ""
    usual_s: int | None = None
    """How long it takes as a rule, in whole seconds, from its recent runs; None where there were none lately."""


def choices(account: Account | None = None) -> list[Choice]:
    """All models of the catalogue, those that can be used first. With an account: as far as its plan goes."""
    models = list(HostedModel.objects.filter(enabled=True).prefetch_related("prices", "versions"))
    served = availability.served_refs()
    samples = _samples()
    usual = _usual_times([model.pk for model in models])
    percent = calculator.FULL_PERCENT if account is None else calculator.account_percent(account)
    found = [
        _choice(
            model,
            model.ref in served,
            samples.get(model.pk, ""),
            usual.get(model.pk),
            account is not None and checks.plan_refusal(account, model.ref) is not None,
            percent,
        )
        for model in models
    ]
    return sorted(found, key=lambda choice: not choice.available)


def kinds(among: list[Choice]) -> list[tuple[str, str]]:
    """The kinds of the models that can be used: value and word, in the order of the list."""
    usable = (choice.model for choice in among if choice.available)
    return list(dict.fromkeys((model.kind, str(model.get_kind_display())) for model in usable))


def _samples() -> dict[int, str]:
    """For each model one of the newest published pictures; a look at a few, never a search through all."""
    newest = (
        Item.objects.public()
        .filter(sensitive=False)
        .order_by("-published_at", "-id")
        .values_list("model_id", "public_id")[:LOOKED_AT]
    )
    found: dict[int, str] = {}
    for model_id, public_id in newest:
        found.setdefault(model_id, public_id)
    return found


def _choice(
    model: HostedModel, served: bool, sample: str, usual: int | None, barred: bool, percent: int
) -> Choice:
    prices = sorted(model.prices.all(), key=lambda price: -price.number)
    versions = [version for version in model.versions.all() if version.enabled]
    reason = ""
    if not served:
        reason = _("No provider serves it yet")
    elif barred:
        reason = _("Not in your plan")
    elif not prices or not versions:
        reason = _("It has no price or no version yet")
    elif not any(_has_a_form(version) for version in versions):
        reason = _("Through the API only, for now")
    price = prices[0] if prices else None
    shipped = shop_window.for_model(model.ref)
    return Choice(
        model,
        calculator.percent_of_amount(price.amount, percent) if price else None,
        _per(price.unit) if price else "",
        _priced(price, percent) if price else "",
        not reason,
        reason,
        "" if reason else sample,
        shipped.poster if shipped and not reason else "",
        model_hints.sentence(model),
        None if reason else usual,
    )


def _priced(price: Price, percent: int) -> str:
    """`15 credits each`, in the order of words of the reader's language."""
    words = {
        Price.Unit.OUTPUT.value: _("%(price)s each"),
        Price.Unit.RUN.value: _("%(price)s a run"),
        Price.Unit.SECOND.value: _("%(price)s a second"),
        Price.Unit.MEGAPIXEL.value: _("%(price)s a megapixel"),
    }[price.unit]
    return words % {"price": amounts.with_unit(calculator.percent_of_amount(price.amount, percent))}


def _per(unit: str) -> str:
    return {
        Price.Unit.OUTPUT.value: _("each"),
        Price.Unit.RUN.value: _("a run"),
        Price.Unit.SECOND.value: _("a second"),
        Price.Unit.MEGAPIXEL.value: _("a megapixel"),
    }[unit]


def _usual_times(models: list[int]) -> dict[int, int]:
    """Whole seconds by the model's key, of those with recent runs. They may be a minute old."""
    found: dict[int, int] | None = cache.get(USUAL_KEY)
    if found is None:
        usual = {pk: queue_position.typical_seconds(pk) for pk in models}
        found = {
            pk: max(1, round(seconds)) if seconds < USUAL_EXACT_S else 5 * round(seconds / 5)
            for pk, seconds in usual.items()
            if seconds
        }
        cache.set(USUAL_KEY, found, USUAL_FOR_S)
    return found


def _has_a_form(version: Version) -> bool:
    """Whether everything that it requires can be given on a page: no lists, no objects, no files but pictures."""
    pictures = picture_fields(version)
    required = {*version.input_schema.get("required", []), *requirements.required_pictures(version)}
    rules = version.properties
    has_input = bool(pictures) or any(name in rules for name in PROMPTS) or not required
    return has_input and all(
        name in pictures
        or rules.get(name, {}).get("type") in (None, "string", "integer", "number", "boolean")
        for name in required
    )


def embedded(model: HostedModel) -> bool:
    """Whether the painter on this server would make it."""
    first = next(
        (provider for provider in provider_lookup.all_providers() if provider.serves(model.ref)), None
    )
    return first is not None and first.name == "embedded"


def first_version(among: list[Choice]) -> Version | None:
    """The newest version of the first model that can be used."""
    first = next((choice for choice in among if choice.available), None)
    return lookup.find_version(first.model.ref) if first is not None else None
