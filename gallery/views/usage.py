"""The page of what an account used."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import access, csv_safe
from gallery import usage
from gallery.pages import member, page, user_of
from predictions import figures


@require_safe
@member
def show(request: HttpRequest) -> HttpResponse:
    """The chart of a period, and the same as a table."""
    account = access.money_account(user_of(request))
    chart = usage.chart(account, _period(request))
    context = {"chart": chart, "own": account, "as_of": figures.as_of(), "whole": True}
    return page(request, "accounts/usage.html", context)


@require_safe
@member
def download(request: HttpRequest) -> HttpResponse:
    """The period as CSV, by day and model."""
    period = _period(request)
    first, last = usage.bounds(period)
    rows = usage.table(access.money_account(user_of(request)), period)
    return cast(HttpResponse, csv_safe.download(f"usage-{first}-{last}", usage.COLUMNS, rows))


def _period(request: HttpRequest) -> str:
    asked = request.GET.get("period", "")
    return asked if asked in usage.PERIODS else "30"
