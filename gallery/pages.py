"""What every page shares: the reader's time zone, the theme, and who must sign in first."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone

from accounts import zones
from accounts.models import Account, User
from accounts.returning import safe_next as safe_next  # for all pages

View = Callable[..., HttpResponse]
ZONE_COOKIE = zones.COOKIE
reader_zone = zones.of_reader
THEMES = ("dark", "light")


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a page or a fragment with times in the reader's zone, as the browser told it in a cookie."""
    with timezone.override(reader_zone(request)):
        response = render(request, template, context, status=status)
    # Pages differ by who looks; nothing between may keep them, and going back shows what is true now. Of what is for
    # its reader alone not even the browser keeps a copy: the next person at it may press "back".
    kept = "private, no-store" if getattr(request, "is_private", False) else "private, no-cache"
    response.headers.setdefault("Cache-Control", kept)
    return response


def theme_of(request: HttpRequest) -> str:
    """`dark` or `light` as the reader chose; empty where the system decides."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in THEMES else ""


def member(view: View) -> View:
    """Only for people who are signed in; others go to the sign-in page and come back.

    What the view says of times before it renders, as in a message, is in the reader's zone too.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.is_private = True  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            with timezone.override(reader_zone(request)):
                return view(request, *args, **kwargs)
        back = request.get_full_path() if request.method == "GET" else request.META.get("HTTP_REFERER", "/")
        target = f"{resolve_url('account_login')}?{urlencode({REDIRECT_FIELD_NAME: back})}"
        if request.headers.get("HX-Request") == "true":
            # A fragment cannot show the sign-in page: the whole page goes there.
            return HttpResponse(status=204, headers={"HX-Redirect": target})
        return HttpResponseRedirect(target)

    return guarded


def user_of(request: HttpRequest) -> User:
    """The signed-in user of a request that `member` let through."""
    assert isinstance(request.user, User)
    return request.user


def account_of(request: HttpRequest) -> Account:
    """The account that user acts for."""
    account = user_of(request).account
    assert account is not None
    return account


def base_url(request: HttpRequest) -> str:
    """The origin of this server as people paste it: the operator's, or the one that was asked."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
