"""Look up the user that a management command names."""

from __future__ import annotations

from django.core.management.base import CommandError

from accounts.models import User


def user_named(name: str) -> User:
    """The user of that username (as `GET /v1/account` shows it); CommandError, with a hint at other spellings."""
    user = User.objects.filter(username=name).first()
    if user is not None:
        return user
    similar = User.objects.filter(username__iexact=name).values_list("username", flat=True).first()
    hint = f" Did you mean {similar}?" if similar else ""
    raise CommandError(f"There is no user {name!r}.{hint}")
