"""Messages for refusals by quota or spending limit, in the reader's language."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.credits.amounts import short, with_unit
from accounts.organizations import visible_funds
from predictions.submit import refusals
from predictions.submit.refusals import AccountLimit, StorageFull


def storage_full(full: StorageFull) -> str:
    """The message for a full storage quota."""
    if full.quota is None:
        return _(
            "Another file of yours has just taken the remaining storage. Try again. Nothing was charged."
        )
    if full.quota == "file":
        return _("This file is larger than all of your storage. Choose a smaller one.")
    if full.quota == "uploads":
        return _("Your uploads have used up their storage. Each is deleted a day after you sent it.")
    return _(
        "Your pictures and uploads have used up your storage. Delete some and empty the trash. Nothing was charged."
    )


def too_many_waiting(refused: refusals.TooManyWaiting) -> str:
    """The message where too much of the account's is waiting."""
    if refused.quota == "predictions":
        message = ngettext(
            "This account already has %(n)s picture waiting, the most it may have.",
            "This account already has %(n)s pictures waiting, the most it may have.",
            refused.most,
        ) % {"n": refused.most}
    elif refused.quota == "input_bytes":
        message = _(
            "The files sent with this account's waiting pictures take up %(size)s, the most they may."
        )
        message %= {"size": filesizeformat(refused.most)}
    else:
        message = _("The pictures being made may take up all the storage that's left.")
    return f"{message} {_('Nothing was charged. Try again when some of it is done.')}"


def insufficient_funds(funds: visible_funds.VisibleFunds, balance: int, cost: int) -> str:
    """Why somebody who acts for an organisation can't afford this cost; a plain member learns nothing about its
    money.

    Empty where they can, and where their personal account has too little.
    """
    if funds.left is not None and cost > funds.left:
        return _("This needs %(cost)s; %(left)s are left of your limit this month.") % {
            "cost": with_unit(cost), "left": short(funds.left),
        }  # fmt: skip
    if funds.balance is None and cost > balance:
        return _("This needs %(cost)s, and your organisation has less. Ask one of its owners.") % {
            "cost": with_unit(cost)
        }
    return ""


def limit_reached(refused: AccountLimit) -> str:
    """The message for a reached spending limit; plain members get no numbers of their organisation."""
    reached = refused.reached
    values = {"cost": with_unit(reached.asked), "left": short(reached.left)}
    if reached.of_member:
        return _("This needs %(cost)s; %(left)s are left of your limit this month.") % values
    if not refused.sees_money:
        return _(
            "The spending limit of your organisation leaves less than this needs. Ask one of its owners."
        )
    if reached.limit == "day":
        return (
            _("This needs %(cost)s; %(left)s are left of the account's spending limit today (UTC).") % values
        )
    return (
        _("This needs %(cost)s; %(left)s are left of the account's spending limit this month (UTC).") % values
    )
