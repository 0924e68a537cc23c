"""Permissions of admin actions, and of staff pages outside the model admin, behind the admin's own sign-in."""

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
    """Decorator of views for staff with a permission. Visitors are redirected to the sign-in, others get 403.

    `cacheable`: the view sets its own caching headers, as for a picture.
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


def permission_check(permission: str) -> Callable[..., bool]:
    """A method `has_…_permission` of a ModelAdmin, for actions that need this permission."""

    def check(model_admin: Any, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm(permission))

    return check
