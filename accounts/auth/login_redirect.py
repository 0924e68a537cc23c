"""Redirects after sign-in that apps above register: pages a user must see first, whatever `next` says."""

from __future__ import annotations

from collections.abc import Callable

from accounts.models import User

Lead = Callable[[User], str]
_redirects: list[Lead] = []


def register_redirect(lead: Lead) -> None:
    """Register a function that returns a local path for a user, or an empty string."""
    if lead not in _redirects:
        _redirects.append(lead)


def path_for(user: User) -> str:
    """The first registered path for the user; empty where there is none."""
    return next((path for redirect in _redirects if (path := redirect(user))), "")
