"""Who came in and who tried to: the only writer of `SignIn`. Kept for 90 days, with networks and no addresses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from accounts.models import SignIn, User
from accounts.sessions import client_info
from core.clock import Now

KEPT = timedelta(days=90)
SHOWN = 12
_BATCH = 1000
_BY_METHOD = {
    "password": SignIn.How.PASSWORD,
    "socialaccount": SignIn.How.OUTSIDE,
    "totp": SignIn.How.CODE,
    "recovery_codes": SignIn.How.RECOVERY,
    "webauthn": SignIn.How.PASSKEY,
}


def note(request: HttpRequest, user: User | None, how: str, *, succeeded: bool) -> None:
    """Write down that somebody came in or was sent away; `user` None: they named nobody that there is."""
    SignIn.objects.create(
        user=user,
        succeeded=succeeded,
        how=how,
        network=client_info.network_of(request),
        browser=client_info.browser(request.META.get("HTTP_USER_AGENT", ""))[:80],
    )


def for_user(user: User, most: int = SHOWN) -> list[SignIn]:
    """The newest of a member."""
    return list(SignIn.objects.filter(user=user).order_by("-id")[:most])


def forget_old() -> bool:
    """A chore: remove what is older than 90 days, a thousand at a time; whether there may be more."""
    old = SignIn.objects.filter(at__lt=Now() - KEPT).order_by("at").values_list("pk", flat=True)[:_BATCH]
    removed, _each = SignIn.objects.filter(pk__in=list(old)).delete()
    return removed >= _BATCH


def on_signed_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's `user_logged_in`: how they came in is the last step they took."""
    from allauth.account.internal.flows.login import get_authentication_records

    steps = get_authentication_records(request, user)
    last = steps[-1] if steps else {}
    named = str(last.get("type") or last.get("method") or "password")
    note(request, user, _BY_METHOD.get(named, SignIn.How.PASSWORD), succeeded=True)


def on_code_refused(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receiver of allauth's `authentication_failed` of second factors."""
    note(request, user, SignIn.How.CODE, succeeded=False)


def connect_signals() -> None:
    """Connect the receivers; called once when the app is ready."""
    from allauth.account.signals import user_logged_in
    from allauth.mfa.signals import authentication_failed

    user_logged_in.connect(on_signed_in, dispatch_uid="accounts.sessions.login_history")
    authentication_failed.connect(on_code_refused, dispatch_uid="accounts.sessions.login_history")
