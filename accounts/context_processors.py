"""Template context of every page: the signed-in user's account and funds, registration mode, request id."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from accounts.organizations import visible_funds
from accounts.site import site_rules


def account(request: HttpRequest) -> dict[str, Any]:
    """Account and funds are lazy, so that pages without them make no query."""
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    return {
        "account": SimpleLazyObject(lambda: user.account) if signed_in and user is not None else None,
        "purse": SimpleLazyObject(lambda: _purse(user)) if signed_in and user is not None else None,
        "registration_mode": site_rules.registration(),
        "registration_open": site_rules.registration() == "open",
        "request_id": getattr(request, "request_id", ""),
    }


def _purse(user: User) -> visible_funds.VisibleFunds:
    return (
        visible_funds.for_user(user, user.account)
        if user.account is not None
        else visible_funds.VisibleFunds()
    )
