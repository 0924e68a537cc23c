"""Safe redirect targets after a form: `next` and `Referer`, only where they are pages of this site."""

from __future__ import annotations

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def safe_next(request: HttpRequest, fallback: str) -> str:
    """The path that the form names as `next`, where it is one of ours; else `fallback`."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if ours and target.startswith("/") else fallback


def came_from(request: HttpRequest, fallback: str) -> str:
    """The address of the page that a form was sent from, where it is one of ours; else `fallback`."""
    before = request.headers.get("Referer", "")
    try:
        hosts = {request.get_host()}
    except DisallowedHost:
        return fallback
    ours = url_has_allowed_host_and_scheme(before, hosts, require_https=request.is_secure())
    return before if ours else fallback
