"""The day by which spending is counted: in UTC, by the database's clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.db.models.functions import TruncDate

from accounts.clock import Now


def today() -> Any:
    """The present day as an expression."""
    return TruncDate(Now(), tzinfo=UTC)


def day_of(at: datetime) -> date:
    """The day that a moment falls into."""
    return at.astimezone(UTC).date()
