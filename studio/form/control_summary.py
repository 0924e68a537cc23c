"""Text summary of a version's controls, for the admin page that imports one: exactly what the studio will show."""

from __future__ import annotations

from django.utils.translation import gettext as _

from predictions.catalogue.cog_import import ControlRows
from predictions.models import Version
from studio.form.controls import panel


def summary(version: Version) -> ControlRows:
    """Name, label and kind of each control in page order; inputs that only the API accepts come last."""
    panel_ = panel(version, {})
    found: ControlRows = [
        (slot.name, slot.label, _("picture") if slot.required else _("picture, may be left out"))
        for slot in panel_.slots
    ]
    for control in (panel_.prompt, panel_.negative, panel_.ending):
        if control is not None:
            found.append((control.name, control.label, _("text, in the dock")))
    for listed, where in ((panel_.open, ""), (panel_.more, _("under More settings"))):
        for control in listed:
            for part in (control, control.partner):
                if part is not None:
                    sort = _kind_label(part.kind)
                    found.append((part.name, part.label, f"{sort}, {where}" if where else sort))
    listed_names = {name for name, _label, _sort_of in found}
    found += [
        (name, name, _("through the API only")) for name in version.properties if name not in listed_names
    ]
    return found


def _kind_label(kind: str) -> str:
    words = {
        "switch": _("switch"), "select": _("list of choices"), "segmented": _("choices"), "names": _("choices"),
        "cards": _("cards"), "shapes": _("shapes"), "number": _("number"), "stepper": _("number"), "size": _("size"),
        "slider": _("slider"), "text": _("text"), "seed": _("seed"),
    }  # fmt: skip
    return words.get(kind, kind)
