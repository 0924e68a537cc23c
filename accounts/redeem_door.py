"""The way in for codes, the same for the page and the API: who tries too often waits, then the code is redeemed."""

from __future__ import annotations

from django.db import transaction

from accounts import redeeming, throttle
from accounts.models import Account, User
from accounts.notices import telling

OF_ACCOUNT = (10, 600)
"""Codes that may be wrong, and in how many seconds; right ones do not count.

Not by network: a code has 80 random bits, and one member who guesses would keep all their neighbours waiting.
"""
_COUNTED = {"unknown", "used", "expired", "revoked"}


def redeem(user: User, account: Account, text: str) -> redeeming.Redeemed:
    """Redeem what was typed. Raises throttle.TooMany, when nothing was looked up, or redeeming.CannotRedeem."""
    taken = throttle.take("redeem", [throttle.Limit(f"account {account.pk}", *OF_ACCOUNT)])
    try:
        with transaction.atomic():
            found = redeeming.redeem(user, account, text)
            if found.plan is not None:
                telling.tell(user, "credits.plan", link="/account/", mail=False, plan=found.plan.name)
    except redeeming.CannotRedeem as error:
        if error.why not in _COUNTED:
            taken.give_back()
        raise
    taken.give_back()
    return found
