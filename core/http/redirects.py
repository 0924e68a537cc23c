"""Safe redirect targets after a form: `next` and `Referer`, only where they are URLs of this site."""

from __future__ import annotations

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def safe_next(request: HttpRequest, fallback: str) -> str:
    """The form's `next`, where it is a path of this site; else `fallback`."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if is_ours and target.startswith("/") else fallback


def safe_referer(request: HttpRequest, fallback: str) -> str:
    """The URL of the page that a form was sent from, where it is one of this site; else `fallback`."""
    referer = request.headers.get("Referer", "")
    try:
        hosts = {request.get_host()}
    except DisallowedHost:
        return fallback
    is_ours = url_has_allowed_host_and_scheme(referer, hosts, require_https=request.is_secure())
    return referer if is_ours else fallback
