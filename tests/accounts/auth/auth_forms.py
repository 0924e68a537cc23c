"""What the tests of the entrance fill in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from accounts.models import User

WORDS = "a long unusual phrase 7"


def sign_up(client: Client, name: str, *, email: str = "", ok: bool | None = True, **extra: str) -> User:
    """Through the form; the new user, or None. `ok` says what must come of it, None: whatever comes."""
    form = {"username": name, "email": email or f"{name}@example.org", "password1": WORDS, "password2": WORDS}
    answer = client.post("/accounts/signup/", form, **extra)  # type: ignore[arg-type]
    user = User.objects.filter(username=name).first()
    if ok is not None:
        assert (user is not None) is ok, answer.content.decode()[:3000]
    return user  # type: ignore[return-value]


def totp(secret: str, *, ahead: int = 0) -> str:
    """The code that an app shows now, as RFC 6238 has it; `ahead` so many periods later."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    count = int(time.time()) // 30 + ahead
    mac = hmac.new(key, struct.pack(">Q", count), hashlib.sha1).digest()
    at = mac[-1] & 0xF
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def just_signed_in(client: Client) -> None:
    """As if the password had been typed a moment ago: what the form for it leaves in the session."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()


def confirm(client: Client, path: str) -> None:
    """Show the password again, as a member is asked to before the ways in are changed."""
    answer = client.get(path)
    assert answer.status_code == 302 and answer["Location"].startswith("/accounts/reauthenticate/"), answer
    assert client.post(answer["Location"], {"password": "correct horse"})["Location"] == path


def given(user: User) -> tuple[str, list[str]]:
    """An app and recovery codes as the pages would have set them up: the secret, and the codes."""
    TOTP.activate(user, secret := generate_totp_secret())
    return secret, RecoveryCodes.activate(user).get_unused_codes()


def set_up(client: Client) -> str:
    """An authenticator app through the pages; its secret."""
    path = "/accounts/2fa/totp/activate/"
    confirm(client, path)
    page = client.get(path).content.decode()
    secret = re.search(r'id="secret" readonly value="([A-Z2-7]+)"', page)
    assert secret is not None and "data:image/svg+xml;base64," in page
    answer = client.post(path, {"code": totp(secret[1])})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/", answer.content.decode()[:2000]
    return secret[1]
