"""Room that an account does not have, for files or for what waits: told in the reader's language."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.credits.amounts import short, with_unit
from accounts.organizations import visible_funds
from predictions.submit import refusals
from predictions.submit.refusals import AccountLimit, StorageFull


def storage_full(full: StorageFull) -> str:
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


def too_many_waiting(refused: refusals.TooManyWaiting) -> str:
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


def lacking(seen: visible_funds.VisibleFunds, balance: int, cost: int) -> str:
    """Why somebody who acts for an organisation cannot have what costs so much, in words that tell a plain member
    nothing of its money; empty where they can, and where their own account has too little.
    """
    if seen.left is not None and cost > seen.left:
        return _("This needs %(cost)s; %(left)s are left of your limit this month.") % {
            "cost": with_unit(cost), "left": short(seen.left),
        }  # fmt: skip
    if seen.balance is None and cost > balance:
        return _("This needs %(cost)s, and your organisation has less. Ask one of its owners.") % {
            "cost": with_unit(cost)
        }
    return ""


def limited(refused: AccountLimit) -> str:
    """Why a spending limit keeps somebody from more; to plain members without numbers of their organisation."""
    reached = refused.reached
    told = {"cost": with_unit(reached.asked), "left": short(reached.left)}
    if reached.of_member:
        return _("This needs %(cost)s; %(left)s are left of your limit this month.") % told
    if not refused.sees_money:
        return _(
            "The spending limit of your organisation leaves less than this needs. Ask one of its owners."
        )
    if reached.limit == "day":
        return _("This needs %(cost)s; %(left)s are left of the account's spending limit today (UTC).") % told
    return (
        _("This needs %(cost)s; %(left)s are left of the account's spending limit this month (UTC).") % told
    )
