"""Figures for charts: days that are summed up beside the work, looks at the queue, and how both are read.

Two chores write (`days.step`, `looks.step`); pages and commands read with these functions and no others:

    usage(account, first, last, *, model=None) -> Usage    account None: everybody; `days` has every day
    failures(first, last) -> Failures                      by day, reason and model
    margins(first, last) -> list[Margin]                   by model: charged, paid upstream, what is left
    queue(start, end, *, points=240) -> list[Look]         moments in order, the worst of each stretch
    now() -> Look                                          the queue at this moment, asked of the rows themselves
    as_of() -> datetime | None                             when today was last summed up: charts say so
    today() -> date                                        the present day in the billing zone

`first` and `last` are days of the billing zone (`accounts.site.billing_zone`), both included. A prediction counts on
the day on which it ended. Amounts are micro-credits. Today's and yesterday's sums are some minutes old at most; what is
older does not change any more.
"""

from __future__ import annotations

from predictions.figures.days import today
from predictions.figures.looks import Look, now
from predictions.figures.reading import (
    Amount,
    Failures,
    Margin,
    Usage,
    as_of,
    failures,
    margins,
    queue,
    usage,
)

__all__ = [
    "Amount",
    "Failures",
    "Look",
    "Margin",
    "Usage",
    "as_of",
    "failures",
    "margins",
    "now",
    "queue",
    "today",
    "usage",
]
