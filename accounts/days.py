"""Days and moments: which ones people may write, of years that every zone, database and file can work with; and how a
moment is written for them.
"""

from __future__ import annotations

from datetime import date, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy, pgettext

YEARS = range(1970, 9001)
NO_DAY = gettext_lazy("This is no day of ours.")
"""What is said of others."""


def is_ours(day: date) -> bool:
    """Whether it is of such a year; a day or a moment."""
    return day.year in YEARS


def moment(at: datetime) -> str:
    """Day and time in the active zone, short: `20 Nov 2026, 09:14`."""
    return date_format(timezone.localtime(at), pgettext("format of day and time", "j M Y, H:i"))
