"""What a password must be, said in words that are translated."""

from __future__ import annotations

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _


class LongEnough(MinimumLengthValidator):
    """Django's own, whose sentence its Chinese lacks."""

    def get_error_message(self) -> str:
        return _("This password is shorter than %(least)d characters.") % {"least": self.min_length}
