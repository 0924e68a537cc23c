"""Recent authentication: sensitive actions require that the session authenticated within the last five minutes.

Pages redirect to the confirmation form; APIs answer 403. API tokens are no sessions: for them there is a scope.
"""

from __future__ import annotations

import time
from typing import cast

from allauth.account import app_settings
from allauth.account.internal.flows import reauthentication
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User
from core.api.problems import Denied


def is_recent(request: HttpRequest) -> bool:
    """Whether the session's user signed in or reauthenticated within `REAUTHENTICATION_TIMEOUT`."""
    if not reauthentication.is_reauthentication_required(request, app=""):
        return True
    # allauth counts reauthentication only; here the sign-in itself counts too.
    steps = get_authentication_records(request, cast(User, request.user))
    return any(time.time() - step.get("at", 0) < app_settings.REAUTHENTICATION_TIMEOUT for step in steps[-1:])


def redirect_to_confirm(request: HttpRequest) -> None:
    """For pages: redirect to the confirmation form and back, by an exception that allauth's middleware handles."""
    if not is_recent(request):
        raise ReauthenticationRequired


def require_recent(request: HttpRequest) -> None:
    """For APIs: raise Denied 403, naming the page on which to confirm."""
    if not is_recent(request):
        message = _(
            "For this, show once more that it is you, at %(path)s, and ask again within five minutes."
        )
        raise Denied(403, "Sign in again", message % {"path": "/accounts/reauthenticate/"})
