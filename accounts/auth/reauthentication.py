"""What wants more than being signed in: that whoever it is has shown so within the last five minutes.

Pages lead to the form for it by themselves; an API says it. Tokens are no sign-in: for them there is a scope.
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
    """Whether the session's member signed in, or showed once more that it is them, a short while ago."""
    if not reauthentication.is_reauthentication_required(request, app=""):
        return True
    # To allauth only what was asked for once more counts; here the sign-in itself does.
    steps = get_authentication_records(request, cast(User, request.user))
    return any(time.time() - step.get("at", 0) < app_settings.REAUTHENTICATION_TIMEOUT for step in steps[-1:])


def redirect_to_confirm(request: HttpRequest) -> None:
    """In a page: leads to the form where they show it, and back. By an exception that allauth's middleware answers."""
    if not is_recent(request):
        raise ReauthenticationRequired


def require_recent(request: HttpRequest) -> None:
    """In an API: raises Denied 403 with where to show it."""
    if not is_recent(request):
        words = _("For this, show once more that it is you, at %(path)s, and ask again within five minutes.")
        raise Denied(403, "Sign in again", words % {"path": "/accounts/reauthenticate/"})
