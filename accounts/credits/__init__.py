"""Credit accounting: the only writer of balances, holds, debts, allowances and spending counters.

Each movement is one conditional UPDATE of the account and one ledger row, in the caller's transaction (or its own).
Amounts are integer micro-credits. No balance goes below zero: the UPDATE checks it, and so does a CHECK constraint.
"""

from __future__ import annotations

from accounts.credits.allowance_ends import ended_with_holds, still_to_end, used_and_on_hold
from accounts.credits.balance_updates import Balance
from accounts.credits.debts import TakeBackResult, collect, paid_by, take_back
from accounts.credits.exceptions import (
    AccountClosed,
    AccountLimitReached,
    AlreadyPosted,
    GiftLimitReached,
    InsufficientCredits,
    TokenLimitReached,
    TooMuch,
)
from accounts.credits.holds import Hold, hold, settle
from accounts.credits.movements import (
    LARGEST,
    adjust,
    allow,
    clear,
    end_allowance,
    erase_gift_reasons,
    give,
    grant,
    purchase,
    redeem,
    refund,
)
from accounts.credits.spending_limits import (
    limit,
    limit_account,
    limit_member,
    limits_of,
    member_left,
    plan_changed,
    recount,
    recount_account,
    set_plan,
    spent,
)

__all__ = [
    "LARGEST",
    "AccountClosed",
    "AccountLimitReached",
    "AlreadyPosted",
    "Balance",
    "GiftLimitReached",
    "Hold",
    "InsufficientCredits",
    "TakeBackResult",
    "TokenLimitReached",
    "TooMuch",
    "adjust",
    "allow",
    "clear",
    "collect",
    "end_allowance",
    "ended_with_holds",
    "erase_gift_reasons",
    "give",
    "grant",
    "hold",
    "limit",
    "limit_account",
    "limit_member",
    "limits_of",
    "member_left",
    "paid_by",
    "plan_changed",
    "purchase",
    "recount",
    "recount_account",
    "redeem",
    "refund",
    "set_plan",
    "settle",
    "spent",
    "still_to_end",
    "take_back",
    "used_and_on_hold",
]
