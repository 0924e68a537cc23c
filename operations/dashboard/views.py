"""Views of the operations dashboard: the page, its CSV files, and the switch of an upstream."""

from __future__ import annotations

from typing import Any, Literal

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from accounts.site import site_rules
from core.admin.decorators import staff_permission_required
from core.http.pages import page
from operations import maintenance
from operations.dashboard import chart_data, csv_export, number_format, periods, totals, upstream_table
from operations.dashboard.periods import Period
from predictions.usage import time_series

VIEW_PERMISSION = "predictions.view_usageday"


@staff_permission_required(VIEW_PERMISSION)
@require_GET
def operations(request: HttpRequest) -> HttpResponse:
    """All figures of a period on one page; money and upstreams only with the permission to see them."""
    period = periods.for_query(request.GET)
    may = request.user.has_perm
    context: dict[str, Any] = {
        "period": period,
        "wrong": periods.is_wrong(request.GET),
        "numbers": _numbers(period),
        "queue": chart_data.queue(period),
        "models": chart_data.models(period),
        "failures": chart_data.failures(period),
        "failed": _failed(period),
        "members": chart_data.members(period),
        "credits": chart_data.credits(period) if may("accounts.view_ledgerentry") else None,
        "upstreams": upstream_table.rows() if may("predictions.view_upstream") else None,
        "may_switch": may("predictions.change_upstream"),
        "may_add": may("predictions.add_upstream"),
        "maintenance": maintenance.maintenance_status(),
        "may_change_house": may("accounts.change_site"),
        "as_of": time_series.aggregated_at(),
        "rules": site_rules.current(),
    }
    return page(request, "operations/dashboard.html", context)


@staff_permission_required(VIEW_PERMISSION)
@require_GET
def download(request: HttpRequest, name: str) -> HttpResponseBase:
    """One chart's figures as a CSV file."""
    needs = {"credits": "accounts.view_ledgerentry", "upstreams": "predictions.view_upstream"}
    if name not in csv_export.FILES or (name in needs and not request.user.has_perm(needs[name])):
        raise Http404
    return csv_export.download(name, periods.for_query(request.GET))


@staff_permission_required("predictions.change_upstream")
@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause an upstream, or let it take work again."""
    on = request.POST.get("on") == "1"
    assert isinstance(request.user, User)
    changed = upstream_table.switch(request.user, pk, on)
    if changed is not None:
        text = _("%(name)s takes new work again.") if on else _("%(name)s takes no new work.")
        messages.success(request, text % {"name": changed.name})
    return redirect(f"{reverse('operations')}?{periods.for_query(request.POST).query}#upstreams")


def _numbers(period: Period) -> list[dict[str, str]]:
    """The row of figures with their changes; green is better, yellow is worse."""
    now, before = totals.summary(period), totals.summary(period.before)
    total, then = now.usage.total, before.usage.total
    # An unfinished day is not compared with a whole one.
    whole = not (period.has_today and period.length == 1)
    failed, margin = now.failed_percent, now.margin_percent
    return [
        _number(
            _("Pictures made"),
            f"{total.outputs:,}",
            whole and number_format.change(total.outputs, then.outputs),
            1,
        ),
        _number(
            _("Spend upstream"),
            number_format.credits(total.spent),
            whole and number_format.change(total.spent, then.spent),
            0,
        ),
        _number(
            _("Charged"),
            number_format.credits(total.charged),
            whole and number_format.change(total.charged, then.charged),
            1,
        ),
        _number(_("Margin"), number_format.percent(margin), _points(margin, before.margin_percent), 1),
        _number(
            _("Failed, refunded"), number_format.percent(failed), _points(failed, before.failed_percent), -1
        ),
        _number(
            _("Members active"),
            f"{now.people.active:,}",
            whole and _compared(now.people.active - before.people.active, then.ended),
            1,
        ),
        _number(
            _("Sign-ups"),
            f"{now.people.joined:,}",
            whole and _compared(now.people.joined - before.people.joined, before.people.members),
            1,
        ),
        _number(
            _("Revenue"), _revenue(now.revenue), whole and _revenue_change(now.revenue, before.revenue), 1
        ),
    ]


def _number(title: str, shown: str, change: str | Literal[False], good: int) -> dict[str, str]:
    """`good`: 1 where more is better, −1 where less is, 0 where neither is."""
    change = change or ""
    up = change.startswith("+")
    tone = (
        ""
        if not change or not good or change[0] not in "+\u2212"
        else "ok"
        if up == (good > 0)
        else "warning"
    )
    return {"title": title, "shown": shown, "change": change, "tone": tone}


def _points(now: float | None, before: float | None) -> str:
    change = number_format.points(now, before)
    return change and _("%(change)s pts") % {"change": change}


def _compared(difference: int, before: int) -> str:
    return number_format.signed(difference) if before else ""


def _revenue(sums: dict[str, int]) -> str:
    return " ".join(number_format.money(cents, currency) for currency, cents in sums.items()) or "–"


def _revenue_change(now: dict[str, int], before: dict[str, int]) -> str:
    """Only where both periods have the same single currency."""
    if len(now) != 1 or set(now) != set(before):
        return ""
    (cents,) = now.values()
    return number_format.change(cents, before[next(iter(now))])


def _failed(period: Period) -> str:
    total = totals.summary(period).usage.total
    text = ngettext("%(failed)s of %(all)s, refunded", "%(failed)s of %(all)s, all refunded", total.failed)
    return text % {"failed": f"{total.failed:,}", "all": f"{total.ended:,}"}
