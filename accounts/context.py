"""What every page knows about who is looking."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject


def account(request: HttpRequest) -> dict[str, Any]:
    """The account the signed-in user acts for, read lazily by the template; and whether one may sign up."""
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    return {
        "account": SimpleLazyObject(lambda: user.account) if signed_in and user is not None else None,
        "registration_open": settings.REGISTRATION_OPEN,
        "request_id": getattr(request, "request_id", ""),
    }
