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
        return _(
            "Another file of yours has just taken the remaining storage. Try again. Nothing was charged."
        )
    if full.what == "file":
        return _("This file is larger than all of your storage. Choose a smaller one.")
    if full.what == "uploads":
        return _("Your uploads have used up their storage. Each is deleted a day after you sent it.")
    return _(
        "Your pictures and uploads have used up your storage. Delete some and empty the trash. Nothing was charged."
    )


def waiting_words(refused: refusals.TooManyWaiting) -> str:
    """What of the account's is waiting as much as it may, in the reader's language."""
    if refused.what == "predictions":
        words = ngettext(
            "This account already has %(n)s picture waiting, the most it may have.",
            "This account already has %(n)s pictures waiting, the most it may have.",
            refused.most,
        ) % {"n": refused.most}
    elif refused.what == "input_bytes":
        words = _("The files sent with this account's waiting pictures take up %(size)s, the most they may.")
        words %= {"size": filesizeformat(refused.most)}
    else:
        words = _("The pictures being made may take up all the storage that's left.")
    return f"{words} {_('Nothing was charged. Try again when some of it is done.')}"
