"""Username rules: no name that looks like an address, or like another name in similar letters."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_CONFUSABLE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
"""Scripts whose letters look alike, as Unicode character names begin."""


def refuse_misleading(name: str) -> None:
    """Raise ValidationError for a misleading new name. Existing names are not checked."""
    if "@" in name:
        # The sign-in would try it as an address, and it is public.
        raise ValidationError(_("A user name has no @ in it."))
    if not re.fullmatch(r"[\w.+-]+", name):
        # Django's own message lists the @ as allowed.
        raise ValidationError(_("A user name is written with letters, digits and . + - _ alone."))
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in name}
    if unicodedata.normalize("NFKC", name) != name or len(scripts & _CONFUSABLE) > 1:
        raise ValidationError(_("Write a user name in plain letters of one alphabet."))
