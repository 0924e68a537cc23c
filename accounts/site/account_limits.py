"""Limits of an account in force: its own, else its plan's, else the environment's (`DARKROOM_*`).

The only place that decides which of them goes first, for the columns of `Account` and `Plan` that have a default in the
environment. Spending limits have none: `accounts.credits.spending_limits`. The table "Which setting goes first" in
docs/operating.md lists all of them; `tests/accounts/site/test_setting_precedence.py` compares it with the columns.
"""

from __future__ import annotations

from typing import Literal

from django.conf import settings

from accounts.models import Account

RequestKind = Literal["create", "poll", "other"]
Quota = Literal["waiting_limit", "waiting_bytes", "storage_quota", "upload_quota"]
RATE_COLUMNS: dict[RequestKind, str] = {"create": "creates_per_minute", "other": "requests_per_minute"}
"""Columns of `Plan` by the kind of request. Polling has the environment's limit alone."""
QUOTA_SETTINGS: dict[Quota, str] = {
    "waiting_limit": "WAITING_LIMIT",
    "waiting_bytes": "WAITING_BYTES",
    "storage_quota": "STORAGE_QUOTA",
    "upload_quota": "UPLOAD_QUOTA",
}
"""Settings by the column of `Plan` that replaces them."""


def requests_per_minute(account: Account, kind: RequestKind) -> int:
    """API requests of one kind in a minute; 0: no limit. Empty or 0 in the plan means the environment's."""
    column = RATE_COLUMNS.get(kind)
    return (_of_plan(account, column) if column else None) or int(settings.RATE_LIMITS[kind])


def in_flight(own: int | None, of_plan: int | None) -> int:
    """Predictions at once, of the two columns `in_flight_limit`. Empty or 0 means the next one's."""
    return own or of_plan or int(settings.IN_FLIGHT_PER_ACCOUNT)


def in_flight_of(account: Account) -> int:
    """Predictions of the account at once; more wait for their turn."""
    return in_flight(account.in_flight_limit, _of_plan(account, "in_flight_limit"))


def quota(account: Account, name: Quota) -> int:
    """What the account may take up: a number of predictions, or bytes. 0: no limit, which a plan may state too."""
    of_plan = _of_plan(account, name)
    return int(getattr(settings, QUOTA_SETTINGS[name])) if of_plan is None else of_plan


def _of_plan(account: Account, column: str) -> int | None:
    # By the id first: an account without a plan costs no query.
    found: int | None = getattr(account.plan, column) if account.plan_id is not None else None
    return found
