"""The only writer of balances and of what is spent: credits that come, go, are held and settled; limits; recounts.

Each movement is one conditional UPDATE of the account and one ledger row in the caller's transaction (or its own).
Units are integer micro-credits. Nobody goes below zero: the UPDATE asks, and a CHECK in the database forbids.
"""

from __future__ import annotations

from accounts.credits.errors import (
    AccountClosed,
    AccountLimitReached,
    AlreadyPosted,
    GiftLimitReached,
    InsufficientCredits,
    TokenLimitReached,
    TooMuch,
)
from accounts.credits.forgetting import forget_words
from accounts.credits.holds import Hold, hold, settle
from accounts.credits.limits import (
    limit,
    limit_account,
    limit_member,
    member_left,
    plan_changed,
    recount,
    recount_account,
    set_plan,
    spent,
)
from accounts.credits.limits import of_account as limits_of
from accounts.credits.moving import Balance
from accounts.credits.posting import (
    LARGEST,
    adjust,
    allow,
    give,
    grant,
    purchase,
    redeem,
    refund,
    take_back,
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
    "TokenLimitReached",
    "TooMuch",
    "adjust",
    "allow",
    "forget_words",
    "give",
    "grant",
    "hold",
    "limit",
    "limit_account",
    "limit_member",
    "limits_of",
    "member_left",
    "plan_changed",
    "purchase",
    "recount",
    "recount_account",
    "redeem",
    "refund",
    "set_plan",
    "settle",
    "spent",
    "take_back",
]
