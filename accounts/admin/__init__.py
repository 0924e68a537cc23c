"""Admin classes of the accounts app; importing this package registers them."""

from __future__ import annotations

from accounts.admin import (
    billing,
    credit_packs,
    ledger,
    notifications,
    plans,
    redeem_codes,
    sanctions,
    sign_in,
    tokens,
    users,
)

__all__ = [
    "billing",
    "credit_packs",
    "ledger",
    "notifications",
    "plans",
    "redeem_codes",
    "sanctions",
    "sign_in",
    "tokens",
    "users",
]
