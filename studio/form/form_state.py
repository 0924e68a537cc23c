"""Context of the studio's form: controls, price, and the state of the button."""

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
"""Form field: the account the form was opened for; another one may have been chosen in another tab since."""
STRETCH_TOLERANCE = 0.02
"""How far a picture's ratio may be off before the page warns that it will be stretched."""


def form_context(
    request: HttpRequest,
    version: Version | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    refusal: str = "",
    dropped: list[str] | None = None,
) -> dict[str, Any]:
    """Context of the form's template; uses the first usable model where none is chosen."""
    choices = model_choices.choices(account_of(request))
    if version is None:
        version = model_choices.first_version(choices)
        values = field_values.form_values(version, values) if version is not None else {}
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
    controls: Panel = panel(version, values, errors, dropped, pictures)
    context |= {
        "panel": controls,
        "errors": errors,
        "choice": next((choice for choice in choices if choice.model.pk == version.model_id), None),
        "procedural": model_choices.embedded(version.model),
    }
    return context | button_context(request, version, _as_input(version, values), pictures)


def _with_pictures(
    request: HttpRequest, version: Version, values: Mapping[str, Any], errors: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, input_pictures.Picture | None], dict[str, str]]:
    """The values without URLs that no longer name a picture, what the others name, and an error per dropped
    one."""
    valid, messages = dict(values), dict(errors)
    pictures: dict[str, input_pictures.Picture | None] = {}
    for name in input_fields.picture_fields(version):
        value = str(valid.get(name) or "").strip()
        pictures[name] = input_pictures.describe(request, value) if value else None
        if value and pictures[name] is None:
            del valid[name]
            messages.setdefault(name, _("That picture is no longer there. Choose another one."))
    return valid, pictures, messages


def _as_input(version: Version, values: Mapping[str, Any]) -> dict[str, Any]:
    return field_values.read(version, {name: str(value) for name, value in values.items()})


def button_context(
    request: HttpRequest,
    version: Version,
    inputs: dict[str, Any],
    pictures: Mapping[str, input_pictures.Picture | None] | None = None,
) -> dict[str, Any]:
    """Context of the button: action, count, cost, whether the balance covers it, and warnings."""
    form, account = request.POST or request.GET, account_of(request)
    batch_size = batches.count_of(version, form)
    try:
        cost = batches.quote(version, form, account, inputs)
    except refusals.ModelNotAvailable as refused:
        return {"cost": None, "count": 1, "short_of": refused.detail}
    # First, since it updates the balance where an allowance is due.
    covered = allowances.covers(account, cost)
    lacking = refusal_messages.insufficient_funds(
        visible_funds.for_user(user_of(request), account), account.balance, cost
    )
    count = max(1, calculator.requested_outputs(version, inputs)) * batch_size
    missing, refusal = (
        "",
        checks.closed_refusal(user_of(request)) or checks.plan_refusal(account, version.model.ref),
    )
    if refusal is not None:
        missing = unavailable_message(refusal)
    elif lacking:
        missing = lacking
    elif not covered:
        missing = _too_little_credit(count) % {
            "cost": amounts.with_unit(cost),
            "have": amounts.short(account.balance),
        }
    if batch_size > batches.LARGEST:
        missing = _("At most %(limit)s at once.") % {"limit": batches.LARGEST}
    return {
        "cost": cost,
        "count": count,
        "deed": model_hints.action_label(version, inputs, count),
        "short_of": missing,
        "poor": refusal is None and not lacking and not covered,
        "need": requirements.missing_picture(version, inputs),
        "film": model_hints.film(version, inputs),
        "stretched": _stretched(request, version, inputs, pictures),
    }


def _too_little_credit(count: int) -> str:
    """The message for too little credit; it suggests fewer outputs only where there are several."""
    if count > 1:
        return _("This needs %(cost)s; you have %(have)s. Make fewer, or add credits.")
    return _("This needs %(cost)s; you have %(have)s. Add credits first.")


@dataclass(frozen=True)
class Stretch:
    """The size to which a picture of another shape would be stretched, and the one that fits it best (pixels)."""

    width: int
    height: int
    fits_width: int
    fits_height: int

    @property
    def fits_better(self) -> bool:
        """Whether another size fits better than the chosen one."""
        return (self.width, self.height) != (self.fits_width, self.fits_height)


def _stretched(
    request: HttpRequest,
    version: Version,
    inputs: Mapping[str, Any],
    pictures: Mapping[str, input_pictures.Picture | None] | None,
) -> Stretch | None:
    """The stretch where the picture would be distorted; None otherwise."""
    rules = version.properties
    if not {"width", "height", "image"} <= rules.keys() or model_hints.follows_picture(version, "width"):
        return None
    url = str(inputs.get("image") or "")
    picture = (
        pictures.get("image")
        if pictures is not None
        else input_pictures.describe(request, url)
        if url
        else None
    )
    width, height = (inputs.get(side, rules[side].get("default")) for side in ("width", "height"))
    if picture is None or not picture.width or not picture.height:
        return None
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        return None
    ratio = picture.width / picture.height
    if abs(ratio * height / width - 1) <= STRETCH_TOLERANCE:
        return None
    fits = size_options.nearest_pair(
        ratio, width * height, *(rules[side].get("enum", ()) for side in ("width", "height"))
    )
    return Stretch(width, height, *(fits or (width, height)))


def unavailable_message(refused: refusals.Refused) -> str:
    """Why the model can't be used, where neither the form nor the balance is the reason; in the reader's
    language."""
    if isinstance(refused, refusals.PlanModel):
        return _("Your plan, %(plan)s, does not include this model. Choose another one.") % {
            "plan": refused.plan
        }
    if isinstance(refused, refusals.TooManyWaiting):
        return refusal_messages.too_many_waiting(refused)
    return refused.detail


def version_of(ref: str) -> Version | None:
    """The version that a form or a URL names, or None."""
    return lookup.find_version(ref) if ref else None
