"""Ledger kinds: one `KindSpec` for each kind of movement, read by statements, the admin, charts and gifts.

`LedgerKind` has the choices of `LedgerEntry.kind`; the properties of a kind are in its row of `KINDS`, which consumers
read instead of listing kinds. It lies beside the models because they take their choices and index conditions from it,
and `accounts.credits` imports the models. To add a kind, add a member, a row, and the function in `accounts.credits`
that posts it; a kind that moves holds also changes the conditions of indexes and constraints, hence a migration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from accounts.models.ledger import LedgerEntry

TAKEN_BACK = "back-"
"""Prefix of the reference of a row that takes back a purchase's credits; the purchase's reference follows."""
OWED = "-owed-"
"""Part of the reference of such a row that pays a debt."""
ENDED = "-end"
"""Suffix of the reference of a row that ends an allowance; with a hold's id after it, takes what that hold released."""
_SYSTEM_REASONS = {"Welcome": gettext_lazy("Welcome"), "Invitation": gettext_lazy("Invitation")}
"""Reasons written by the system, stored in English."""


class LedgerKind(TextChoices):
    """The kinds of movements, in the order of their choices."""

    GRANT = "grant", gettext_lazy("credits added")
    HOLD = "hold", gettext_lazy("set aside")
    SETTLE = "settle", gettext_lazy("settled")
    REFUND = "refund", gettext_lazy("refund")
    ADJUST = "adjust", gettext_lazy("adjustment")
    REDEEM = "redeem", gettext_lazy("code redeemed")
    GIFT = "gift", gettext_lazy("gift")
    ALLOWANCE = "allowance", gettext_lazy("allowance")
    PURCHASE = "purchase", gettext_lazy("purchase")


@dataclass(frozen=True)
class Income:
    """A series of the staff chart of incoming credits: its position and colour, and its name."""

    colour: int
    name: Promise


@dataclass(frozen=True)
class KindSpec:
    """Properties of a ledger kind. No field has a default, so that whoever adds a kind decides each."""

    kind: LedgerKind
    moves_hold: bool
    """Whether it belongs to a prediction's hold. All other kinds change only the balance."""
    group: Literal["spent", "back", "added"]
    """The filter of the statement that finds it (`credits.statement.GROUPS`)."""
    text: Callable[[LedgerEntry], str]
    """The statement's text for a row."""
    for_prediction: bool
    """Whether its reference is a prediction's public id, unless it begins with `TAKEN_BACK`."""
    giveable: Literal["all", "debits", "no"]
    """Which rows count towards credits that may be given away: all, only debits, or none."""
    giveable_except: tuple[str, ...]
    """Reference prefixes of rows that do not count although the kind does."""
    by_hand: bool
    """Whether its only source is a decision of staff: its reference may be generated, the audit log has `credits.KIND`,
    and no check looks for another source. False for a kind that staff post but whose reference names a row.
    """
    income: Income | None
    """Its series in the staff chart of incoming credits."""
    badge: Literal["success", "warning", "info", "danger", "default"]
    """The colour of its label in the admin."""
    references: tuple[str, ...]
    """Reference patterns by which staff find it: `*` is the id of the object it belongs to."""


def _grant(entry: LedgerEntry) -> str:
    known = _SYSTEM_REASONS.get(entry.reason) if entry.actor_id is None else None
    return str(known or entry.reason or _("Credits added"))


def _hold(entry: LedgerEntry) -> str:
    return _("Set aside for a prediction")


def _settle(entry: LedgerEntry) -> str:
    if not entry.captured:
        return _("Prediction not charged, all returned")
    if entry.released:
        return _("Prediction charged, the rest returned")
    return _("Prediction charged")


def _refund(entry: LedgerEntry) -> str:
    if not entry.reference.startswith(TAKEN_BACK):
        return entry.reason or _("Refund")
    if OWED in entry.reference:
        return _("Paid off: credits owed for a returned payment")
    is_disputed = entry.reason == "dispute"
    if not entry.balance_delta:
        if is_disputed:
            return _("Payment disputed, no credits left to take back")
        return _("Payment returned, no credits left to take back")
    if is_disputed:
        return _("Payment disputed, credits taken back")
    return _("Payment returned, credits taken back")


def _adjust(entry: LedgerEntry) -> str:
    return _("Adjustment: %(reason)s") % {"reason": entry.reason}


def _redeem(entry: LedgerEntry) -> str:
    return _("Code redeemed: %(hint)s") % {"hint": entry.reason} if entry.reason else _("Code redeemed")


def _gift(entry: LedgerEntry) -> str:
    text = _("Gift received") if entry.balance_delta > 0 else _("Gift given")
    return f"{text}: {entry.reason}" if entry.reason else text


def _allowance(entry: LedgerEntry) -> str:
    if entry.balance_delta > 0:
        return _("Allowance")
    # A hold's id after the suffix: taken from what that hold released later.
    late = not entry.reference.endswith(ENDED)
    return _("Returned credits of an allowance that has ended") if late else _("Allowance that has ended")


def _purchase(entry: LedgerEntry) -> str:
    # A number after the purchase's own reference: not the first posting.
    again = "-" in entry.reference.removeprefix("purchase-")
    return _("Payment not returned after all, credits given again") if again else _("Credits bought")


_ROWS = (
    KindSpec(
        LedgerKind.GRANT, moves_hold=False, group="added", text=_grant, for_prediction=False,
        giveable="all", giveable_except=("welcome-", "invitation-"), by_hand=True,
        income=Income(1, gettext_lazy("given")), badge="success", references=("grant-*",),
    ),
    KindSpec(
        LedgerKind.HOLD, moves_hold=True, group="spent", text=_hold, for_prediction=True,
        giveable="no", giveable_except=(), by_hand=False, income=None, badge="warning", references=("*",),
    ),
    KindSpec(
        LedgerKind.SETTLE, moves_hold=True, group="spent", text=_settle, for_prediction=True,
        giveable="no", giveable_except=(), by_hand=False, income=None, badge="info", references=("*",),
    ),
    # A prediction's refund had been spent before; a purchase that was taken back cannot be given away.
    KindSpec(
        LedgerKind.REFUND, moves_hold=False, group="back", text=_refund, for_prediction=True,
        giveable="debits", giveable_except=(), by_hand=False,
        income=None, badge="success", references=("*", f"{TAKEN_BACK}*"),
    ),
    KindSpec(
        LedgerKind.ADJUST, moves_hold=False, group="added", text=_adjust, for_prediction=False,
        giveable="all", giveable_except=(), by_hand=True, income=None, badge="danger", references=("adjust-*",),
    ),
    KindSpec(
        LedgerKind.REDEEM, moves_hold=False, group="added", text=_redeem, for_prediction=False,
        giveable="all", giveable_except=(), by_hand=False,
        income=Income(3, gettext_lazy("redeemed")), badge="success", references=("redeem-*",),
    ),
    # Gifts sent are negative rows of the same kind.
    KindSpec(
        LedgerKind.GIFT, moves_hold=False, group="added", text=_gift, for_prediction=False,
        giveable="all", giveable_except=(), by_hand=False,
        income=None, badge="default", references=("gift-*-out", "gift-*-in"),
    ),
    # Its reference is `allowance-ACCOUNT-PERIOD`: no id to find it by.
    KindSpec(
        LedgerKind.ALLOWANCE, moves_hold=False, group="added", text=_allowance, for_prediction=False,
        giveable="no", giveable_except=(), by_hand=False,
        income=Income(4, gettext_lazy("allowance")), badge="success", references=(),
    ),
    KindSpec(
        LedgerKind.PURCHASE, moves_hold=False, group="added", text=_purchase, for_prediction=False,
        giveable="all", giveable_except=(), by_hand=False,
        income=Income(2, gettext_lazy("bought")), badge="success", references=("purchase-*",),
    ),
)  # fmt: skip
KINDS: dict[str, KindSpec] = {row.kind.value: row for row in _ROWS}
"""The row of each kind, in the order of the choices."""
OF_HOLDS = tuple(row.kind.value for row in _ROWS if row.moves_hold)
"""Kinds of a prediction's hold: half of all rows or more, so excluded from the indexes of the rare kinds."""
OTHERS = tuple(row.kind.value for row in _ROWS if not row.moves_hold)
"""All other kinds: few rows among millions, with indexes of their own."""
INCOME = tuple(
    (row.kind.value, row.income)
    for row in sorted(_ROWS, key=lambda row: row.income.colour if row.income else 0)
    if row.income
)
"""The kinds that have a series in the chart of incoming credits, in its order."""
