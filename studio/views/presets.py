"""Presets: a member's saved form settings."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.auth.member_pages import member_required, user_of
from accounts.models import User
from core.http.pages import page
from gallery.items import access
from gallery.models import Preset
from predictions.models import Version
from studio.form import field_values, form_state, input_fields, prefill
from studio.form.controls import PROMPTS

MOST = 200
"""Presets per member."""
LARGEST = 20_000
"""Characters of all values of a preset together."""
LONGEST_NAME = 60


class PresetRefused(Exception):
    """The preset is not saved: a message for the user."""


def for_user(user: User) -> list[Preset]:
    """A member's presets by name, without their values."""
    return list(
        Preset.objects.filter(user=user).select_related("model").defer("values").order_by("name", "id")
    )


def save_preset(user: User, name: str, version: Version, form: Mapping[str, str], *, words: bool) -> Preset:
    """Save the settings of a form under a name, replacing a preset of that name. `words`: with the prompt.
    Raises PresetRefused."""
    name = clean_name(name)
    values = field_values.form_values(version, form)
    if not words:
        values = {field: value for field, value in values.items() if field not in PROMPTS}
    values = {field: value for field, value in values.items() if value}
    size = sum(len(field) + len(value) for field, value in values.items())
    if size > LARGEST or any("\x00" in value for value in values.values()):
        raise PresetRefused(
            _("These settings are too long to be kept: at most %(limit)s characters.") % {"limit": LARGEST}
        )
    with transaction.atomic():
        own = Preset.objects.filter(user=user)
        if not own.filter(name=name).exists() and own.count() >= MOST:
            raise PresetRefused(_("You have %(limit)s presets already. Delete one first.") % {"limit": MOST})
        preset, _new = own.update_or_create(
            user=user, name=name, defaults={"model": version.model, "values": values}
        )
    return preset


def rename(preset: Preset, name: str) -> None:
    """Rename it. Raises PresetRefused where another preset has the name."""
    preset.name = clean_name(name)
    try:
        with transaction.atomic():
            preset.save(update_fields=["name"])
    except IntegrityError:
        raise PresetRefused(_("Another preset is called “%(name)s”.") % {"name": preset.name}) from None


def clean_name(text: str) -> str:
    """A name on one line without invisible characters. Raises PresetRefused where it is then empty, or too long."""
    plain = "".join(" " if char.isspace() else char for char in text[: 10 * LONGEST_NAME])
    plain = "".join(
        char for char in plain if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    name = " ".join(unicodedata.normalize("NFC", plain).split())
    if not name:
        raise PresetRefused(_("Give the preset a name."))
    if len(name) > LONGEST_NAME:
        raise PresetRefused(_("A preset's name has at most %(limit)s characters.") % {"limit": LONGEST_NAME})
    return name


@require_POST
@member_required
def save(request: HttpRequest) -> HttpResponse:
    """Save the form's present values under `preset_name`."""
    version = form_state.version_of(input_fields.model_of(request.POST))
    if version is None:
        return _list(request, fault=_("Choose a model first."))
    name = request.POST.get("preset_name", "")
    try:
        fields = input_fields.inputs_of(request.POST)
        preset = save_preset(user_of(request), name, version, fields, words="preset_words" in fields)
    except PresetRefused as fault:
        return _list(request, fault=str(fault), name=name[:LONGEST_NAME])
    return _list(request, said=_("Kept as “%(name)s”.") % {"name": preset.name})


@require_POST
@member_required
def apply(request: HttpRequest, number: int) -> HttpResponse:
    """The form with the preset's settings, and with its present prompt where the preset has none."""
    preset = _own(request, number)
    filled = prefill.of_preset(preset)
    if filled is None or filled.version is None:
        return _list(request, fault=_("The model of this preset is no longer there."))
    values = dict(filled.values)
    for name in PROMPTS:
        if name in filled.version.properties and name not in values and request.POST.get(name):
            values[name] = request.POST[name]
    if request.headers.get("HX-Request") != "true":
        return HttpResponseRedirect(f"{reverse('studio')}?preset={preset.pk}")
    context = form_state.form_context(request, filled.version, values, dropped=filled.dropped)
    return page(request, "studio/_form.html", context)


@require_POST
@member_required
def change(request: HttpRequest, number: int) -> HttpResponse:
    """Rename a preset (`name`)."""
    try:
        rename(_own(request, number), request.POST.get("name", ""))
    except PresetRefused as fault:
        return _list(request, fault=str(fault))
    return _list(request, said=_("Renamed."))


@require_POST
@member_required
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete a preset."""
    _own(request, number).delete()
    return _list(request, said=_("Preset deleted."))


def _own(request: HttpRequest, number: int) -> Preset:
    # A number beyond the database's range is nobody's preset.
    rows = Preset.objects.filter(user=user_of(request)).select_related("model")
    return access.or_404(rows.filter(pk=number).first() if number < 2**63 else None)


def _list(request: HttpRequest, *, said: str = "", fault: str = "", name: str = "") -> HttpResponse:
    """The list as it is now, with one message; a page of its own without JavaScript."""
    context = {
        "presets": for_user(user_of(request)),
        "preset_said": said,
        "preset_fault": fault,
        "preset_name": name,
    }
    if request.headers.get("HX-Request") == "true":
        response = page(request, "studio/_presets.html", context)
        response["HX-Retarget"], response["HX-Reswap"] = "#preset-list", "outerHTML"
        return response
    return page(request, "studio/presets.html", context, status=422 if fault else 200)
