"""Known devices: a signed cookie of an earlier sign-in, which grants nothing but an attempt counter of its own.

So whoever guesses a user's password from elsewhere never locks them out on their own devices. The cookie names its
user, and is void once their password changes or they end all sessions.
"""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account import signals
from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from core import crypto

MAX_AGE_S = 180 * 24 * 3600
BY_MAIL = "mail"
"""Device id after a password reset by e-mail: one for all, or each reset mail would allow new attempts."""
_SALT = "accounts.entrance.devices"
_PATH = "/accounts/"


def device_for(request: HttpRequest, user: User) -> str:
    """The id of this device where the user signed in on it before; else empty."""
    try:
        name, digest = signing.loads(request.COOKIES.get(_cookie(user), ""), salt=_SALT, max_age=MAX_AGE_S)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    digests = [_digest(user, str(name), key) for key in crypto.signing_keys()]
    return str(name) if any(constant_time_compare(str(digest), expected) for expected in digests) else ""


def schedule_cookie(request: HttpRequest, user: User, name: str = "") -> None:
    """Have the response set the device cookie, with the device id `name` or else a new one."""
    request.device_owed = (user.pk, name or secrets.token_hex(8))  # type: ignore[attr-defined]


def set_cookie(request: HttpRequest, response: Any) -> None:
    """Set the cookie where `owe` was called."""
    pk, name = getattr(request, "device_owed", (None, ""))
    # Read again: the password or epoch in the digest may have changed during the request.
    user = User.objects.filter(pk=pk).first() if pk else None
    if user is None:
        return
    response.set_cookie(
        _cookie(user),
        signing.dumps([name, _digest(user, name)], salt=_SALT),
        max_age=MAX_AGE_S,
        path=_PATH,
        secure=settings.BEHIND_TLS,
        httponly=True,
        samesite="Lax",
    )


def on_signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's signals of a sign-in, and of a password changed by the signed-in user."""
    schedule_cookie(request, user)


def on_reset(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's `password_reset`: who owns the mailbox need not wait because somebody else is guessing."""
    schedule_cookie(request, user, BY_MAIL)


def connect_signals() -> None:
    """Connect the receivers; called from AppConfig.ready."""
    for signal in (signals.user_logged_in, signals.password_changed, signals.password_set):
        signal.connect(on_signed_in, dispatch_uid="accounts.sessions.known_devices")
    signals.password_reset.connect(on_reset, dispatch_uid="accounts.sessions.known_devices")


def _cookie(user: User) -> str:
    return f"device_{user.pk}"


def _digest(user: User, name: str, secret_key: str | None = None) -> str:
    """With the newest key by default."""
    text = f"{user.pk} {name} {user._get_session_auth_hash(secret=secret_key)}"
    return salted_hmac(_SALT, text, secret=secret_key, algorithm="sha256").hexdigest()[:32]
