"""Usage totals of an account over a period: predictions by final status, outputs and charges, summed by the database.

A prediction counts on the day on which it ended (`billing_days`); what has not ended counts today. Amounts are
micro-credits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from accounts.models import Account, ApiToken
from predictions.models import HostedModel, Prediction, Status
from predictions.models.prediction import UNDER_WAY
from predictions.usage.billing_days import delivered, ended_within

LONGEST_DAYS = 400


@dataclass
class Amount:
    """Usage of one day, model or token."""

    starting: int = 0
    processing: int = 0
    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    outputs: int = 0
    charged: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Add one row of a grouped query."""
        status = Status.CANCELED.value if row["status"] == Status.ABORTED else row["status"]
        setattr(self, status, getattr(self, status) + row["count"])
        self.outputs += row["given"]
        self.charged += row["spent"]


@dataclass
class Usage:
    """Usage of a period. Days without any are included, so that charts need not fill gaps."""

    total: Amount = field(default_factory=Amount)
    days: dict[date, Amount] = field(default_factory=dict)
    models: dict[str, Amount] = field(default_factory=dict)
    tokens: dict[tuple[int | None, str], Amount] = field(default_factory=dict)


def for_account(account: Account, first: date, last: date, zone: ZoneInfo) -> Usage:
    """The usage from the first to the last day, both included, by that zone's midnights. Four queries."""
    counts, today = ended_within(first, last, zone), timezone.now().astimezone(zone).date()
    if first <= today <= last:
        counts |= Q(phase__in=UNDER_WAY)
    rows = Prediction.objects.filter(counts, account=account).order_by()
    usage = Usage(
        days={first + timedelta(days=number): Amount() for number in range((last - first).days + 1)}
    )
    by_day = _grouped(rows.annotate(day=TruncDate("completed_at", tzinfo=zone)), "day")
    _fill(usage.days, by_day, lambda row: row["day"] or today)
    pairs = list(_grouped(rows, "model_id", "token_id"))
    models = _models({row["model_id"] for row in pairs})
    tokens = _tokens({row["token_id"] for row in pairs if row["token_id"]})
    _fill(usage.models, pairs, lambda row: models[row["model_id"]])
    _fill(usage.tokens, pairs, lambda row: (row["token_id"], tokens.get(row["token_id"], "")))
    for row in pairs:
        usage.total.add(row)
    return usage


def _grouped(rows: QuerySet[Prediction], *names: str) -> Iterable[dict[str, Any]]:
    return rows.values(*names, "status").annotate(
        count=Count("pk"), given=Coalesce(Sum(delivered()), 0), spent=Coalesce(Sum("charge"), 0)
    )


def _fill(
    amounts: dict[Any, Amount], rows: Iterable[dict[str, Any]], key: Callable[[dict[str, Any]], Any]
) -> None:
    for row in rows:
        amounts.setdefault(key(row), Amount()).add(row)


def _models(ids: set[int]) -> dict[int, str]:
    return {model.pk: model.ref for model in HostedModel.objects.filter(pk__in=ids)}


def _tokens(ids: set[int]) -> dict[int, str]:
    return dict(ApiToken.objects.filter(pk__in=ids).values_list("pk", "name"))
