"""The day on which a prediction counts as used: the day it ended, in the billing zone unless another is asked for.

Then its charge is settled: what the ledger captured on a day is what that day's predictions cost. Days that are summed
up (`daily`), their charts and the API's totals (`period_totals`) all take their days from here, so that they agree.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as time_of_day

from django.db.models import BigIntegerField, Case, F, Q, Value, When
from django.utils import timezone

from accounts.site import site_rules
from predictions.models import Price, Status


def today() -> date:
    """The present day in the billing zone."""
    return timezone.now().astimezone(site_rules.billing_zone()).date()


def bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The moments at which a day begins and the next one begins, also where a clock is put forward or back."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def ended_within(first: date, last: date, zone: tzinfo) -> Q:
    """Predictions that count on the days from the first to the last, both included."""
    return Q(completed_at__gte=bounds(first, zone)[0], completed_at__lt=bounds(last, zone)[1])


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time_of_day(), zone).astimezone(UTC)


def delivered() -> Case:
    """How many outputs a prediction gave, as an expression over its row.

    Not from the files themselves: who deletes a picture has used it all the same. Rows from before they were counted
    say it by their charge, which had no rules then.
    """
    by_file = Q(price__unit=Price.Unit.OUTPUT, price__amount__gt=0)
    return Case(
        When(~Q(status=Status.SUCCEEDED), then=Value(0)),
        When(delivered__isnull=False, then=F("delivered")),
        When(by_file, then=F("charge") / F("price__amount")),
        default=Value(1),
        output_field=BigIntegerField(),
    )
