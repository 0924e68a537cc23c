"""Who is kept out: after the right password they learn why, and what is left to them.

The floors above say what that is (an appeal, a copy of what is theirs) by `offers`; their own views ask `who`. For half
an hour a signed token in the session stands for the one who signed in; it opens nothing else.
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

LASTS_S = 1800
_KEPT, _SALT = "entrance.barred", "accounts.entrance.barred"


@dataclass(frozen=True)
class WayOut:
    """Something that is left to somebody who is kept out: a link of the page."""

    words: str | Promise
    address: str
    icon: str = "arrow-right"


Maker = Callable[[HttpRequest, User], WayOut | None]
_makers: list[Maker] = []


def register_way_out(maker: Maker) -> None:
    """Have a floor above offer something on the page; None where it has nothing for this one."""
    if maker not in _makers:
        _makers.append(maker)


def remember(request: HttpRequest, user: User) -> None:
    """Somebody who is kept out has just shown that it is them: by a key of the session that nobody had before."""
    request.session.cycle_key()
    request.session[_KEPT] = signing.dumps(user.pk, salt=_SALT)


def blocked_user(request: HttpRequest) -> User | None:
    """The one who is kept out and signed in here within the last half hour; None for everybody else."""
    token = request.session.get(_KEPT)
    if not isinstance(token, str):
        return None
    try:
        pk = signing.loads(token, salt=_SALT, max_age=LASTS_S)
    except signing.BadSignature:
        return None
    return User.objects.filter(pk=pk, is_active=False, erased_at__isnull=True).first()


@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """This account is closed: why, until when, and what can be done."""
    user = blocked_user(request)
    if user is None and request.user.is_authenticated:
        return redirect("account_overview")
    ways = [way for maker in _makers if (way := maker(request, user)) is not None] if user is not None else []
    ban = sanctions.ban_of(user) if user is not None else None
    return render(request, "account/account_inactive.html", {"barred": user, "ban": ban, "ways": ways})
