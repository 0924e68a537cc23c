"""Rows of third-party apps (and sign-ins) that refer to a user: sessions, second factors, connected accounts."""

from __future__ import annotations

from django.apps import apps
from django.contrib.sessions.models import Session

from accounts.models import User

# By name: each exists only where its app is installed.
_OF_USER = (
    "mfa.Authenticator",
    "usersessions.UserSession",
    "socialaccount.SocialAccount",
    "accounts.SignIn",
)


def remove(user: User) -> int:
    """Delete them; returns how many. Listed sessions end with their rows."""
    removed = 0
    for label in _OF_USER:
        try:
            model = apps.get_model(label)
        except LookupError:
            continue
        rows = model._default_manager.filter(user=user)
        if label == "usersessions.UserSession":
            Session.objects.filter(session_key__in=rows.values_list("session_key", flat=True)).delete()
        removed += rows.delete()[0]
    return removed
