"""View decorator `member_required`, and the signed-in user and account of a request."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils import timezone

from accounts.models import Account, User
from core import timezones
from core.http.pages import View


def member_required(view: View) -> View:
    """Only for signed-in users; others go to the sign-in page and return afterwards.

    The view runs in the reader's time zone, so that times in messages written before rendering are in it too.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.is_private = True  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            with timezone.override(timezones.for_reader(request)):
                return view(request, *args, **kwargs)
        back = request.get_full_path() if request.method == "GET" else request.META.get("HTTP_REFERER", "/")
        target = f"{resolve_url('account_login')}?{urlencode({REDIRECT_FIELD_NAME: back})}"
        if request.headers.get("HX-Request") == "true":
            # An htmx fragment cannot show the sign-in page: redirect the whole page.
            return HttpResponse(status=204, headers={"HX-Redirect": target})
        return HttpResponseRedirect(target)

    guarded.for_members = True  # type: ignore[attr-defined]
    return guarded


def visible_to_visitors(view: View) -> View:
    """A page of the public gallery: for everybody, unless the site has closed the gallery to visitors.

    `config.middleware.restrictions` reads the mark. A page without it, or without `member_required` or a staff guard,
    fails `tests/gallery/test_page_access.py`.
    """
    view.visible_to_visitors = True  # type: ignore[attr-defined]
    return view


def user_of(request: HttpRequest) -> User:
    """The signed-in user of a request that `member_required` let through."""
    assert isinstance(request.user, User)
    return request.user


def account_of(request: HttpRequest) -> Account:
    """The account that this user acts for."""
    account = user_of(request).account
    assert account is not None
    return account
