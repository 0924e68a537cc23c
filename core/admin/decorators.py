"""Access to staff pages outside the model admin: a permission, asked behind the admin's own sign-in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

View = Callable[..., HttpResponseBase]


def staff_permission_required(permission: str, *, cacheable: bool = False) -> Callable[[View], View]:
    """Only for staff with that permission. Visitors are led to the sign-in, others are refused, as by `admin.site`.

    `cacheable`: the view says itself how long its answer may be kept, such as a picture's.
    """

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        checked: View = admin.site.admin_view(guarded, cacheable=cacheable)
        checked.for_staff = True  # type: ignore[attr-defined]
        return checked

    return guard
