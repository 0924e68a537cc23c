"""Page of a blocked (banned or closed) user: after the right password, the reason and what they can still do.

Apps above add links (an appeal, an export) with `register_link`; their own views ask `blocked_user`. For half an
hour a signed token in the session identifies the user; it grants nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache

from accounts.models import User
from accounts.staff import sanctions

TOKEN_MAX_AGE_S = 1800
_SESSION_KEY, _SALT = "entrance.barred", "accounts.entrance.barred"


@dataclass(frozen=True)
class BlockedUserLink:
    """A link on the page of a blocked user, to something that they can still do."""

    label: str | Promise
    url: str
    icon: str = "arrow-right"


LinkBuilder = Callable[[HttpRequest, User], BlockedUserLink | None]
_link_builders: list[LinkBuilder] = []


def register_link(build: LinkBuilder) -> None:
    """Let an app above add a link to the page; its function returns None where it has none for the user."""
    if build not in _link_builders:
        _link_builders.append(build)


def remember_user(request: HttpRequest, user: User) -> None:
    """Identify a blocked user who just authenticated, in a session with a fresh key."""
    request.session.cycle_key()
    request.session[_SESSION_KEY] = signing.dumps(user.pk, salt=_SALT)


def blocked_user(request: HttpRequest) -> User | None:
    """The blocked user who authenticated in this session within the last half hour; None for anybody else."""
    token = request.session.get(_SESSION_KEY)
    if not isinstance(token, str):
        return None
    try:
        pk = signing.loads(token, salt=_SALT, max_age=TOKEN_MAX_AGE_S)
    except signing.BadSignature:
        return None
    return User.objects.filter(pk=pk, is_active=False, erased_at__isnull=True).first()


@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """The page: why and until when the account is blocked, and the links."""
    user = blocked_user(request)
    if user is None and request.user.is_authenticated:
        return redirect("account_overview")
    links = (
        [link for build in _link_builders if (link := build(request, user)) is not None]
        if user is not None
        else []
    )
    ban = sanctions.ban_of(user) if user is not None else None
    return render(request, "account/account_inactive.html", {"blocked": user, "ban": ban, "links": links})
