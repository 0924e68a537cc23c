"""Time zones of readers, from the cookie that their browser set; days and moments that every zone can hold."""

from __future__ import annotations

import zoneinfo
from datetime import date, datetime

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy, pgettext

COOKIE = "timezone"


def for_reader(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The reader's time zone by the cookie; UTC without one."""
    name = request.COOKIES.get(COOKIE, "")
    if not name or len(name) > 64:
        return zoneinfo.ZoneInfo("UTC")
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return zoneinfo.ZoneInfo("UTC")


YEARS = range(1970, 9001)
INVALID_DAY = gettext_lazy("This is no day of ours.")
"""The error of a date outside of these years."""


def is_valid_day(day: date) -> bool:
    """Whether it is of such a year; a day or a moment."""
    return day.year in YEARS


def moment(at: datetime) -> str:
    """Day and time in the active zone, short: `20 Nov 2026, 09:14`."""
    return date_format(timezone.localtime(at), pgettext("format of day and time", "j M Y, H:i"))
