"""Known devices: a signed cookie of an earlier sign-in. It opens nothing; tries with it have a count of their own.

So whoever guesses at somebody's password from elsewhere never locks them out where they have been before. The cookie
names its member, and ends with their password and when they end every session.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from core import crypto

LASTS_S = 180 * 24 * 3600
BY_MAIL = "mail"
"""What a device is called whose reader set a new password by mail: one for all, or each mail would bring new tries."""
_SALT = "accounts.entrance.devices"
_PATH = "/accounts/"


def device_for(request: HttpRequest, user: User) -> str:
    """What this device is called where this member signed in on it before; empty where they did not."""
    try:
        name, digest = signing.loads(request.COOKIES.get(_cookie(user), ""), salt=_SALT, max_age=LASTS_S)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    known = [_digest(user, str(name), key) for key in crypto.signing_keys()]
    return str(name) if any(constant_time_compare(str(digest), one) for one in known) else ""


def owe(request: HttpRequest, user: User, name: str = "") -> None:
    """Have the answer to this request make the device known; `name`: as what, or else by a new one."""
    request.device_owed = (user.pk, name or secrets.token_hex(8))  # type: ignore[attr-defined]


def give(request: HttpRequest, response: Any) -> None:
    """Write the cookie that is owed."""
    pk, name = getattr(request, "device_owed", (None, ""))
    # Read anew: what it ends with may have changed while the answer was made.
    user = User.objects.filter(pk=pk).first() if pk else None
    if user is None:
        return
    response.set_cookie(
        _cookie(user),
        signing.dumps([name, _digest(user, name)], salt=_SALT),
        max_age=LASTS_S,
        path=_PATH,
        secure=settings.BEHIND_TLS,
        httponly=True,
        samesite="Lax",
    )


def on_signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's signals of a sign-in, and of a password that was changed by who is signed in."""
    owe(request, user)


def on_reset(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's `password_reset`: who has the mailbox need not wait for somebody who guesses."""
    owe(request, user, BY_MAIL)


def connect_signals() -> None:
    """Connect the receivers; called once when the app is ready."""
    from allauth.account import signals

    for told in (signals.user_logged_in, signals.password_changed, signals.password_set):
        told.connect(on_signed_in, dispatch_uid="accounts.sessions.known_devices")
    signals.password_reset.connect(on_reset, dispatch_uid="accounts.sessions.known_devices")


def _cookie(user: User) -> str:
    return f"device_{user.pk}"


def _digest(user: User, name: str, secret_key: str | None = None) -> str:
    """With the newest key unless another is given."""
    known = f"{user.pk} {name} {user._get_session_auth_hash(secret=secret_key)}"
    return salted_hmac(_SALT, known, secret=secret_key, algorithm="sha256").hexdigest()[:32]
