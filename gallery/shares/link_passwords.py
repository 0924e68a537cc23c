"""Passwords of share links: hashing, counting of attempts, and the signed cookie that remembers a right one.

The cookie is for the link's own URLs. It is bound to the link and its password's hash, so it opens no other
link, and becomes invalid with the password, with the link, and after twelve hours.
"""

from __future__ import annotations

import unicodedata

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.auth import attempt_limits
from core import crypto
from core.net import client_ip
from gallery.models import ShareLink

MAX_LENGTH = 128
"""Characters of a password: a longer one is refused before it costs a hash."""
MIN_LENGTH = 6
COOKIE = "share_open"
VALID_S = 12 * 3600
_SALT = "gallery.shares.locks"
_OF_NETWORK = (5, 300)
"""Wrong passwords from one network, and in how many seconds."""
_OF_LINK = (200, 3600)
"""The same for all networks together: so many guesses don't reach a password of six characters in a link's
lifetime."""


def hash_password(password: str) -> str:
    """The hash to store; empty for no password. Raises ValueError where it is too long."""
    if len(password) > MAX_LENGTH:
        raise ValueError(f"A password has at most {MAX_LENGTH} characters.")
    return make_password(_folded(password)) if password else ""


def matches(link: ShareLink, password: str) -> bool:
    """Whether it is the link's password; costs a hash, unless it is longer than any may be."""
    return len(password) <= MAX_LENGTH and check_password(_folded(password), link.password)


def _folded(password: str) -> str:
    # The same keys yield composed or decomposed, wide or narrow letters, depending on the device.
    return unicodedata.normalize("NFKC", password)


def count_attempt(request: HttpRequest, link: ShareLink) -> attempt_limits.CountedAttempt:
    """Count an attempt before it is checked; where it was right the caller gives it back. Raises
    attempt_limits.TooMany."""
    network = attempt_limits.Limit(
        f"link {link.pk} network {client_ip.rate_limit_key(request)}", *_OF_NETWORK
    )
    return attempt_limits.count_attempt(
        "share", [network, attempt_limits.Limit(f"link {link.pk}", *_OF_LINK)]
    )


def set_open_cookie(response: HttpResponse, link: ShareLink) -> HttpResponse:
    """Set the cookie that opens the link, after the right password."""
    response.set_cookie(
        COOKIE,
        signing.TimestampSigner(salt=_SALT).sign(_digest(link)),
        max_age=VALID_S,
        path=reverse("share", args=[link.token]),
        secure=settings.BEHIND_TLS,
        httponly=True,
        samesite="Lax",
    )
    return response


def is_open(request: HttpRequest, link: ShareLink) -> bool:
    """Whether there is no password, or the request has a valid cookie for the present one."""
    if not link.is_locked:
        return True
    try:
        mark = signing.TimestampSigner(salt=_SALT).unsign(request.COOKIES.get(COOKIE, ""), max_age=VALID_S)
    except signing.BadSignature:
        return False
    return any(constant_time_compare(mark, _digest(link, key)) for key in crypto.signing_keys())


def _digest(link: ShareLink, secret_key: str | None = None) -> str:
    """With the newest secret key unless another is given."""
    text = f"{link.token}\n{link.password}"
    return salted_hmac(_SALT, text, secret=secret_key, algorithm="sha256").hexdigest()
