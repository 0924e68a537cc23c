"""Room that an account does not have, for files or for what waits: told in the reader's language."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from predictions import refusals
from predictions.refusals import StorageFull


def full_words(full: StorageFull) -> str:
    """Which room is full, in the reader's language."""
    if full.what is None:
        return _("Other files of yours took the room at the same moment. Try again. Nothing was charged.")
    if full.what == "file":
        return _("This file is larger than all the room that your files have. Use a smaller one.")
    if full.what == "uploads":
        return _("Your uploads take all the room that they may. Each goes a day after it came.")
    return _(
        "Your pictures and uploads take all the room that you have. Delete some and empty the trash. "
        "Nothing was charged."
    )


def waiting_words(refused: refusals.TooManyWaiting) -> str:
    """What of the account's is waiting as much as it may, in the reader's language."""
    if refused.what == "predictions":
        words = ngettext(
            "%(n)s picture of this account is waiting, which is as many as may.",
            "%(n)s pictures of this account are waiting, which is as many as may.",
            refused.most,
        ) % {"n": refused.most}
    elif refused.what == "input_bytes":
        words = _(
            "The files sent with what this account has waiting take %(size)s, which is as much as they may."
        )
        words %= {"size": filesizeformat(refused.most)}
    else:
        words = _("What is being made may take all the room that is left.")
    return f"{words} {_('Nothing was charged. Try again when some of it is done.')}"
