"""The way in for codes, the same for the page and the API: who tries too often waits, then the code is redeemed."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest

from accounts import redeeming, throttle
from accounts.models import Account, User
from accounts.notices import telling

OF_ACCOUNT, OF_NETWORK = 10, 60
"""Codes that may be wrong in ten minutes. Right ones do not count."""
_COUNTED = {"unknown", "used", "expired", "revoked"}


class TooOften(Exception):
    """Too many wrong codes; nothing was looked up."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(wait_s)


def redeem(request: HttpRequest, user: User, account: Account, text: str) -> redeeming.Redeemed:
    """Redeem what was typed. Raises TooOften or redeeming.CannotRedeem."""
    most = {f"account {account.pk}": OF_ACCOUNT, f"network {throttle.network_of(request)}": OF_NETWORK}
    wait_s = throttle.wait_s("redeem", most)
    if wait_s:
        raise TooOften(wait_s)
    try:
        with transaction.atomic():
            found = redeeming.redeem(user, account, text)
            if found.plan is not None:
                telling.tell(user, "credits.plan", link="/account/", mail=False, plan=found.plan.name)
            return found
    except redeeming.CannotRedeem as error:
        if error.why in _COUNTED:
            throttle.failed("redeem", most)
        raise
