"""Sign-in history, successful and refused: the only writer of `SignIn`.

Kept for 90 days, with networks instead of addresses.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import user_logged_in
from allauth.mfa.signals import authentication_failed
from django.http import HttpRequest

from accounts.models import SignIn, User
from accounts.sessions import client_info
from core.clock import Now

RETENTION = timedelta(days=90)
DISPLAYED = 12
_BATCH = 1000
_BY_METHOD = {
    "password": SignIn.How.PASSWORD,
    "socialaccount": SignIn.How.OUTSIDE,
    "totp": SignIn.How.CODE,
    "recovery_codes": SignIn.How.RECOVERY,
    "webauthn": SignIn.How.PASSKEY,
}


def record(request: HttpRequest, user: User | None, how: str, *, succeeded: bool) -> None:
    """Record a sign-in or a refused attempt; `user` None: the name is unknown."""
    SignIn.objects.create(
        user=user,
        succeeded=succeeded,
        how=how,
        network=client_info.network_of(request),
        browser=client_info.browser(request.META.get("HTTP_USER_AGENT", ""))[:80],
    )


def for_user(user: User, most: int = DISPLAYED) -> list[SignIn]:
    """The newest entries of a user."""
    return list(SignIn.objects.filter(user=user).order_by("-id")[:most])


def prune() -> bool:
    """Periodic job: delete entries older than 90 days, at most 1,000; returns whether there may be more."""
    old = SignIn.objects.filter(at__lt=Now() - RETENTION).order_by("at").values_list("pk", flat=True)[:_BATCH]
    removed, _each = SignIn.objects.filter(pk__in=list(old)).delete()
    return removed >= _BATCH


def on_signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's `user_logged_in`: the method is that of the last step."""
    steps = get_authentication_records(request, user)
    last = steps[-1] if steps else {}
    method = str(last.get("type") or last.get("method") or "password")
    record(request, user, _BY_METHOD.get(method, SignIn.How.PASSWORD), succeeded=True)


def on_code_refused(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's `authentication_failed` of second factors."""
    record(request, user, SignIn.How.CODE, succeeded=False)


def connect_signals() -> None:
    """Connect the receivers; called from AppConfig.ready."""
    user_logged_in.connect(on_signed_in, dispatch_uid="accounts.sessions.login_history")
    authentication_failed.connect(on_code_refused, dispatch_uid="accounts.sessions.login_history")
