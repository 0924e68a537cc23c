"""The usage page of an account, and its download as CSV."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import ownership
from accounts.auth.member_pages import member_required, user_of
from core.http import csv_rows
from core.http.pages import page
from predictions.usage import account_usage, time_series


@require_safe
@member_required
def show(request: HttpRequest) -> HttpResponse:
    """The usage chart of a period, and the same as a table."""
    account = ownership.money_account(user_of(request))
    chart = account_usage.chart(account, _period(request))
    context = {"chart": chart, "own": account, "as_of": time_series.aggregated_at(), "whole": True}
    return page(request, "accounts/usage.html", context)


@require_safe
@member_required
def download(request: HttpRequest) -> HttpResponse:
    """The period as CSV, by day and model."""
    period = _period(request)
    first, last = account_usage.bounds(period)
    rows = account_usage.table(ownership.money_account(user_of(request)), period)
    return cast(HttpResponse, csv_rows.download(f"usage-{first}-{last}", account_usage.COLUMNS, rows))


def _period(request: HttpRequest) -> str:
    asked = request.GET.get("period", "")
    return asked if asked in account_usage.PERIODS else "30"
