"""Amounts in words: integer micro-credits in, what people read out.

Thousands are set apart by a comma in both of our languages, as in `1,284.6`.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import MICRO
from accounts.organizations import purse
from predictions.refusals import AccountLimit

_EXACT = Decimal("0.0001")
_BAR = Decimal("0.1")


def exact(micro: int) -> str:
    """A price: up to four decimals, zeros trimmed; never rounded up."""
    value = (Decimal(micro) / MICRO).quantize(_EXACT, rounding=ROUND_DOWN).normalize()
    return f"{value:,f}"


def short(micro: int) -> str:
    """A balance in the bar: one decimal, rounded down."""
    value = (Decimal(micro) / MICRO).quantize(_BAR, rounding=ROUND_DOWN)
    return f"{value:,f}"


def unit(micro: int) -> str:
    """The word behind an amount: the operator's own, or credits."""
    if settings.CREDIT_NAME:
        return str(settings.CREDIT_NAME)
    return ngettext("credit", "credits", 1 if micro == MICRO else 2)


def lacking(seen: purse.Purse, balance: int, cost: int) -> str:
    """Why somebody who acts for an organisation cannot have what costs so much, in words that tell a plain member
    nothing of its money; empty where they can, and where their own account has too little.
    """
    if seen.left is not None and cost > seen.left:
        return _("This needs %(cost)s; %(left)s are left of your limit this month.") % {
            "cost": words(cost), "left": short(seen.left),
        }  # fmt: skip
    if seen.balance is None and cost > balance:
        return _("This needs %(cost)s, and your organisation has less. Ask one of its owners.") % {
            "cost": words(cost)
        }
    return ""


def limited(refused: AccountLimit) -> str:
    """Why a spending limit keeps somebody from more; to plain members without numbers of their organisation."""
    reached = refused.reached
    told = {"cost": words(reached.asked), "left": short(reached.left)}
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


def words(micro: int) -> str:
    """Amount and unit: `15.2 credits`."""
    return f"{exact(micro)} {unit(micro)}"
