"""The controls of a version in words, for the desk that brings one in: exactly those that the studio will draw."""

from __future__ import annotations

from django.utils.translation import gettext as _

from predictions.catalogue.cog_import import ControlRows
from predictions.models import Version
from studio.form.controls import panel


def summary(version: Version) -> ControlRows:
    """Name, label and sort of each, in the order of the page; what only the API takes comes last."""
    shown = panel(version, {})
    found: ControlRows = [
        (slot.name, slot.label, _("picture") if slot.required else _("picture, may be left out"))
        for slot in shown.slots
    ]
    for control in (shown.prompt, shown.negative, shown.ending):
        if control is not None:
            found.append((control.name, control.label, _("text, in the dock")))
    for listed, where in ((shown.open, ""), (shown.more, _("under More settings"))):
        for control in listed:
            for one in (control, control.partner):
                if one is not None:
                    sort = _sort(one.kind)
                    found.append((one.name, one.label, f"{sort}, {where}" if where else sort))
    drawn = {name for name, _label, _sort_of in found}
    found += [(name, name, _("through the API only")) for name in version.properties if name not in drawn]
    return found


def _sort(kind: str) -> str:
    words = {
        "switch": _("switch"), "select": _("list of choices"), "segmented": _("choices"), "names": _("choices"),
        "cards": _("cards"), "shapes": _("shapes"), "number": _("number"), "stepper": _("number"), "size": _("size"),
        "slider": _("slider"), "text": _("text"), "seed": _("seed"),
    }  # fmt: skip
    return words.get(kind, kind)
