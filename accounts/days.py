"""Days and moments that people write: of years that every zone, database and file can work with."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext_lazy

YEARS = range(1970, 9001)
NO_DAY = gettext_lazy("This is no day of ours.")
"""What is said of others."""


def is_ours(day: date) -> bool:
    """Whether it is of such a year; a day or a moment."""
    return day.year in YEARS
