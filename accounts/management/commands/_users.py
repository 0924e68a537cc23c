"""Finds the user that a command names."""

from __future__ import annotations

from django.core.management.base import CommandError

from accounts.models import User


def user_named(name: str) -> User:
    """The user of that username (`GET /v1/account` shows it); CommandError, with a hint, without one."""
    user = User.objects.filter(username=name).first()
    if user is not None:
        return user
    alike = User.objects.filter(username__iexact=name).values_list("username", flat=True).first()
    hint = f" Did you mean {alike}?" if alike else ""
    raise CommandError(f"There is no user {name!r}.{hint}")
