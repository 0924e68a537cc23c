"""Prefilled forms: what links into the studio put into the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpRequest

from accounts.auth.member_pages import account_of, user_of
from gallery.models import Preset
from predictions import availability
from predictions.catalogue import lookup
from predictions.models import HostedModel, Prediction, Version
from studio import lineage
from studio.form import field_values, form_state, input_fields, input_pictures
from studio.form.controls import PROMPTS
from studio.lineage import Origin
from studio.sheet import strip_list


@dataclass(frozen=True)
class Prefill:
    """A form to start with: the model (None where none is named), its fields, and what it is made from."""

    version: Version | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = lineage.NONE
    dropped: list[str] = field(default_factory=list)
    """Labels of saved settings that no longer fit."""
    each_line: bool = False
    seeds: int = 1
    """For a batch: whether each line is a prompt, and how many seeds each is run with."""


def of_address(request: HttpRequest) -> Prefill:
    """The form that a query string requests.

    `?from=` an own prediction, `?list=` a whole batch, `?item=` an item whose settings may be read, `?use=` an
    item as input picture, `?preset=` own saved settings, `?words=` the prompt of an own prediction; else
    `?model=` with form fields by their names.
    """
    query = request.GET
    for name, fill in _BY_NAME.items():
        if query.get(name):
            prefill = fill(request, query[name])
            if prefill is not None:
                return prefill
    version = form_state.version_of(input_fields.model_of(query))
    values: dict[str, str] = {name: str(value) for name, value in input_fields.inputs_of(query).items()}
    origin = lineage.of_form(account_of(request), query)
    return Prefill(
        version, field_values.form_values(version, values) if version is not None else values, origin
    )


def of_prediction(source: Prediction, origin: Origin = lineage.NONE) -> Prefill:
    """The form that requested this prediction."""
    return Prefill(source.version, field_values.to_form(source.version, source.input), origin)


def of_preset(preset: Preset) -> Prefill | None:
    """The form with saved settings, as far as they fit the model's present version; None where it has none."""
    version = lookup.find_version(preset.model.ref)
    if version is None:
        return None
    saved = preset.values if isinstance(preset.values, dict) else {}
    fields = {str(name): value for name, value in saved.items() if isinstance(value, str)}
    values, dropped = field_values.carry_over(version, version, fields)
    return Prefill(version, values, dropped=dropped)


def own_prediction(request: HttpRequest, public_id: str) -> Prediction | None:
    """A prediction of the member's account, or None."""
    own = Prediction.objects.owned_by(account_of(request)).select_related("version__model")
    return own.filter(public_id=public_id[:26]).first() if "\x00" not in public_id else None


def _from(request: HttpRequest, public_id: str) -> Prefill | None:
    source = own_prediction(request, public_id)
    return of_prediction(source, lineage.of_address(request)) if source is not None else None


def _item(request: HttpRequest, public_id: str) -> Prefill | None:
    found = lineage.recipe(account_of(request), public_id)
    return of_prediction(found[1], lineage.of_address(request)) if found is not None else None


def _use(request: HttpRequest, public_id: str) -> Prefill | None:
    """An item as the first picture input of the model named, else of the first model that takes one."""
    try:
        picture = input_pictures.of_item(request, public_id)
    except Http404:
        return None
    version = form_state.version_of(request.GET.get("model", ""))
    if version is None or not input_fields.picture_fields(version):
        version = _taking_pictures()
    if version is None:
        return None
    return Prefill(
        version, {input_fields.picture_fields(version)[0]: picture.url}, lineage.of_address(request)
    )


def _taking_pictures() -> Version | None:
    """The newest version of the first available model that takes pictures; those with a prompt first."""
    refs = availability.refs_with_image_input()
    models = HostedModel.objects.filter(enabled=True).order_by("position", "owner", "name")
    found = [lookup.find_version(model.ref) for model in models if model.ref in refs]
    taking = [version for version in found if version is not None and input_fields.picture_fields(version)]
    taking.sort(key=lambda version: not any(name in version.properties for name in PROMPTS))
    return taking[0] if taking else None


def _list(request: HttpRequest, batch: str) -> Prefill | None:
    """All prompts of a batch as lines, and the number of seeds per prompt."""
    if "\x00" in batch:
        return None
    own = (
        Prediction.objects.owned_by(account_of(request))
        .filter(strip_list.IN_BATCH, batch=batch[:26])
        .order_by("id")
    )
    rows = list(own.select_related("version__model"))
    if not batch or not rows:
        return None
    name = next((name for name in PROMPTS if name in rows[0].version.properties), "")
    prompts = list(dict.fromkeys(str(row.input.get(name, "")) for row in rows))
    input_ = rows[0].input | ({name: "\n".join(prompts)} if name else {})
    form = field_values.to_form(rows[0].version, input_)
    seeds = max(1, len(rows) // len(prompts)) if "seed" in rows[0].version.properties else 1
    return Prefill(rows[0].version, form, each_line=len(prompts) > 1, seeds=seeds)


def _preset(request: HttpRequest, number: str) -> Prefill | None:
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    preset = Preset.objects.filter(user=user_of(request), pk=int(number)).select_related("model").first()
    return of_preset(preset) if preset is not None else None


def _words(request: HttpRequest, public_id: str) -> Prefill | None:
    source = own_prediction(request, public_id)
    if source is None:
        return None
    prompts = {name: source.input[name] for name in PROMPTS if isinstance(source.input.get(name), str)}
    return Prefill(source.version, prompts)


_BY_NAME = {
    "item": _item,
    "use": _use,
    "list": _list,
    "preset": _preset,
    "words": _words,
    "from": _from,
}
