"""The reader's time zone, as the browser told it in a cookie."""

from __future__ import annotations

import zoneinfo

from django.http import HttpRequest

COOKIE = "timezone"


def of_reader(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The reader's time zone; UTC until the browser has told it."""
    name = request.COOKIES.get(COOKIE, "")
    if not name or len(name) > 64:
        return zoneinfo.ZoneInfo("UTC")
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return zoneinfo.ZoneInfo("UTC")
