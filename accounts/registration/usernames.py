"""Which user names may be taken: none that can be read as an address, or as somebody else's name in other letters."""

from __future__ import annotations

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
"""Alphabets whose letters look like one another's."""


def refuse_misleading(name: str) -> None:
    """Raises ValidationError for a name that passes for another one. Those who have one keep it."""
    if "@" in name:
        # It is also tried as an address at the sign-in, and stands on public pages.
        raise ValidationError(_("A user name has no @ in it."))
    if not re.fullmatch(r"[\w.+-]+", name):
        # Django says this too, but with the @ among what may be written.
        raise ValidationError(_("A user name is written with letters, digits and . + - _ alone."))
    alphabets = {unicodedata.name(letter, "").partition(" ")[0] for letter in name}
    if unicodedata.normalize("NFKC", name) != name or len(alphabets & _ALIKE) > 1:
        raise ValidationError(_("Write a user name in plain letters of one alphabet."))
