"""The studio's form: what it is filled with, and what the button says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.auth.member_pages import account_of, user_of
from accounts.credits import allowances, amounts
from accounts.organizations import visible_funds
from predictions.catalogue import lookup
from predictions.models import Version
from predictions.pricing import calculator
from predictions.submit import checks, refusals
from studio import batches
from studio.form import (
    field_values,
    input_fields,
    input_pictures,
    model_choices,
    model_hints,
    refusal_messages,
    requirements,
    size_options,
)
from studio.form.controls import Panel, panel

PAYER = "payer"
"""The account that a form was opened for: it may be another one meanwhile, chosen in another tab."""
STRETCHED = 0.02
"""By how much of its ratio a picture may be off before a page says that it will be stretched."""


def form_context(
    request: HttpRequest,
    version: Version | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    refusal: str = "",
    dropped: list[str] | None = None,
) -> dict[str, Any]:
    """What the form's template needs; the first usable model where none is chosen."""
    choices = model_choices.choices(account_of(request))
    if version is None:
        version = model_choices.first_version(choices)
        values = field_values.kept(version, values) if version is not None else {}
    context: dict[str, Any] = {
        "choices": choices,
        "kinds": model_choices.kinds(choices),
        "panel": None,
        "errors": errors or {},
        "refusal": refusal,
        "payer": request.POST.get(PAYER) or account_of(request).pk,
    }
    if version is None:
        return context
    values, pictures, errors = _with_pictures(request, version, values, errors or {})
    chosen: Panel = panel(version, values, errors, dropped, pictures)
    context |= {
        "panel": chosen,
        "errors": errors,
        "choice": next((choice for choice in choices if choice.model.pk == version.model_id), None),
        "procedural": model_choices.embedded(version.model),
    }
    return context | price_of(request, version, _typed(version, values), pictures)


def _with_pictures(
    request: HttpRequest, version: Version, values: Mapping[str, Any], errors: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, input_pictures.Picture | None], dict[str, str]]:
    """Values without the addresses that name nothing any more, what the others name, and a sentence for the first."""
    kept, said = dict(values), dict(errors)
    pictures: dict[str, input_pictures.Picture | None] = {}
    for name in input_fields.picture_fields(version):
        value = str(kept.get(name) or "").strip()
        pictures[name] = input_pictures.describe(request, value) if value else None
        if value and pictures[name] is None:
            del kept[name]
            said.setdefault(name, _("That picture is no longer there. Choose another one."))
    return kept, pictures, said


def _typed(version: Version, values: Mapping[str, Any]) -> dict[str, Any]:
    return field_values.read(version, {name: str(value) for name, value in values.items()})


def price_of(
    request: HttpRequest,
    version: Version,
    given: dict[str, Any],
    pictures: Mapping[str, input_pictures.Picture | None] | None = None,
) -> dict[str, Any]:
    """What the button says: the deed, how many, what it costs, whether there is enough, and what is to be known."""
    form, account = request.POST or request.GET, account_of(request)
    times = batches.count_of(version, form)
    try:
        cost = batches.quote(version, form, account, given)
    except refusals.ModelNotAvailable as refused:
        return {"cost": None, "count": 1, "short_of": refused.detail}
    # Asked first: it brings the balance up to date where an allowance is owed.
    covered = allowances.covers(account, cost)
    lacking = refusal_messages.lacking(
        visible_funds.for_user(user_of(request), account), account.balance, cost
    )
    count = max(1, calculator.asked_outputs(version, given)) * times
    missing, barred = (
        "",
        checks.closed_refusal(user_of(request)) or checks.plan_refusal(account, version.model.ref),
    )
    if barred is not None:
        missing = unavailable_message(barred)
    elif lacking:
        missing = lacking
    elif not covered:
        missing = _poor(count) % {"cost": amounts.with_unit(cost), "have": amounts.short(account.balance)}
    if times > batches.LARGEST:
        missing = _("At most %(limit)s at once.") % {"limit": batches.LARGEST}
    return {
        "cost": cost,
        "count": count,
        "deed": model_hints.action_label(version, given, count),
        "short_of": missing,
        "poor": barred is None and not lacking and not covered,
        "need": requirements.picture(version, given),
        "film": model_hints.film(version, given),
        "stretched": _stretched(request, version, given, pictures),
    }


def _poor(count: int) -> str:
    """What to do with too little credit: of one there are none fewer."""
    if count > 1:
        return _("This needs %(cost)s; you have %(have)s. Make fewer, or add credits.")
    return _("This needs %(cost)s; you have %(have)s. Add credits first.")


@dataclass(frozen=True)
class Stretch:
    """The size that a picture of another shape is stretched to, and the one that fits it best (both in pixels)."""

    width: int
    height: int
    fits_width: int
    fits_height: int

    @property
    def fits_better(self) -> bool:
        """Whether there is a size that fits better than the chosen one."""
        return (self.width, self.height) != (self.fits_width, self.fits_height)


def _stretched(
    request: HttpRequest,
    version: Version,
    given: Mapping[str, Any],
    pictures: Mapping[str, input_pictures.Picture | None] | None,
) -> Stretch | None:
    """Whether a picture is stretched to a size of another shape; None where nothing is."""
    rules = version.properties
    if not {"width", "height", "image"} <= rules.keys() or model_hints.follows_picture(version, "width"):
        return None
    url = str(given.get("image") or "")
    picture = (
        pictures.get("image")
        if pictures is not None
        else input_pictures.describe(request, url)
        if url
        else None
    )
    width, height = (given.get(side, rules[side].get("default")) for side in ("width", "height"))
    if picture is None or not picture.width or not picture.height:
        return None
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        return None
    ratio = picture.width / picture.height
    if abs(ratio * height / width - 1) <= STRETCHED:
        return None
    fits = size_options.nearest_pair(
        ratio, width * height, *(rules[side].get("enum", ()) for side in ("width", "height"))
    )
    return Stretch(width, height, *(fits or (width, height)))


def unavailable_message(refused: refusals.Refused) -> str:
    """Why nothing can be made, where it is neither the form's fault nor money's, in the reader's language."""
    if isinstance(refused, refusals.PlanModel):
        return _("Your plan, %(plan)s, does not include this model. Choose another one.") % {
            "plan": refused.plan
        }
    if isinstance(refused, refusals.TooManyWaiting):
        return refusal_messages.too_many_waiting(refused)
    return refused.detail


def version_of(ref: str) -> Version | None:
    """The version that a form or an address names."""
    return lookup.find_version(ref) if ref else None
