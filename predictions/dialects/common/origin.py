"""Under which origin callers see us, whatever dialect they speak."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def origin_of(request: HttpRequest) -> str:
    """`https://host`: the configured public origin, or the one that the caller used."""
    if settings.PUBLIC_URL and not settings.CONFORMANCE:
        return str(settings.PUBLIC_URL)
    return f"{request.scheme}://{request.get_host()}"
