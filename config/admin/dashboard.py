"""Figures of the admin's index page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Min, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.credits import amounts
from accounts.models import Account, LedgerEntry, User
from core.admin.list_filters import first_since
from core.db.daily_sums import sum_by_day
from predictions.models import Beat, Phase, Prediction, Status
from predictions.models.prediction import UNDER_WAY

_CACHE_S = 15
_DAYS = 7
_ALIVE_FOR = timedelta(minutes=1)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the index page: `cards`, `days` and `beats`, each only with the permission to view its rows."""
    may = request.user.has_perm
    cards: list[dict[str, Any]] = []
    if may("predictions.view_prediction"):
        cards += _work_cards(_cached("work", _work))
        context["days"] = _days_table(_cached("days", _days))
    if may("accounts.view_account"):
        cards += _money_cards(_cached("money", _money))
    if may("predictions.view_beat"):
        context["beats"] = _beats_table()
    context["cards"] = cards
    return context


def _cached(name: str, read: Callable[[], Any]) -> Any:
    """Figures cached for `_CACHE_S` seconds, so that reloading the page does not count everything again."""
    return cache.get_or_set(f"desk-{name}-{timezone.get_current_timezone_name()}", read, _CACHE_S)


def _work() -> dict[str, Any]:
    live = Prediction.objects.filter(phase__in=UNDER_WAY).aggregate(
        live=Count("pk"),
        waiting=Count("pk", filter=Q(phase=Phase.WAITING)),
        oldest=Min("created_at", filter=Q(phase=Phase.WAITING)),
    )
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    ended = (
        Prediction.objects.ended()
        .filter(completed_at__gte=today)
        .aggregate(
            succeeded=Count("pk", filter=Q(status=Status.SUCCEEDED)),
            failed=Count("pk", filter=Q(status=Status.FAILED)),
        )
    )
    return {**live, **ended}


def _money() -> dict[str, int]:
    sums = Account.objects.aggregate(balance=Sum("balance"), held=Sum("held"))
    since = timezone.now() - timedelta(days=_DAYS)
    # The ledger has no index on time: rows are found by the first key of the week.
    first = first_since(LedgerEntry, "created_at", since)
    week = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE, created_at__gte=since, pk__gte=first or 0)
    return {
        "balance": sums["balance"] or 0,
        "held": sums["held"] or 0,
        "captured": (week.aggregate(s=Sum("captured"))["s"] or 0) if first is not None else 0,
        # Counting the few inactive users reads an index.
        "members": User.objects.count() - User.objects.filter(is_active=False).count(),
    }


def _days() -> list[dict[str, Any]]:
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    # By time, not by date, and only ended predictions: otherwise the index is not used.
    ended = Prediction.objects.ended().filter(completed_at__gte=today - timedelta(days=_DAYS - 1))
    counted = sum_by_day(
        ended,
        "completed_at",
        timezone.get_current_timezone(),
        succeeded=Count("pk", filter=Q(status=Status.SUCCEEDED)),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
        canceled=Count("pk", filter=Q(status__in=[Status.CANCELED, Status.ABORTED])),
        charged=Sum("charge"),
    )
    return [{"day": key[0], **counted[key]} for key in sorted(counted, reverse=True)]


def _work_cards(work: dict[str, Any]) -> list[dict[str, Any]]:
    waited = _("nobody waits")
    if work["oldest"] is not None:
        seconds = max(0, int((timezone.now() - work["oldest"]).total_seconds()))
        waited = _("the oldest for %(seconds)s s") % {"seconds": seconds}
    address = reverse("admin:predictions_prediction_changelist")
    return [
        _card(_("Waiting"), work["waiting"], waited, f"{address}?phase__exact=waiting"),
        _card(_("Live"), work["live"], _("waiting or at work"), address),
        _card(_("Succeeded today"), work["succeeded"], "", f"{address}?status__exact=succeeded"),
        _card(_("Failed today"), work["failed"], _("nothing was charged"), f"{address}?status__exact=failed"),
    ]


def _money_cards(money: dict[str, int]) -> list[dict[str, Any]]:
    accounts, ledger = (
        reverse("admin:accounts_account_changelist"),
        reverse("admin:accounts_ledgerentry_changelist"),
    )
    return [
        _card(
            _("Credits on hold"),
            amounts.display(money["held"]),
            _("set aside for live predictions"),
            accounts,
        ),
        _card(_("Credits with members"), amounts.display(money["balance"]), _("to be spent"), accounts),
        _card(
            _("Charged in seven days"), amounts.display(money["captured"]), "", f"{ledger}?kind__exact=settle"
        ),
        _card(_("Members"), money["members"], _("not banned"), reverse("admin:accounts_user_changelist")),
    ]


def _card(title: str, figure: Any, words: str, address: str) -> dict[str, Any]:
    return {"title": title, "figure": figure, "words": words, "address": address}


def _days_table(days: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "headers": [_("Day"), _("Succeeded"), _("Failed"), _("Canceled"), _("Charged")],
        "rows": [
            [
                f"{row['day']:%Y-%m-%d}",
                row["succeeded"],
                row["failed"],
                row["canceled"],
                amounts.display(row["charged"] or 0),
            ]
            for row in days
        ],
    }


def _beats_table() -> dict[str, Any]:
    now = timezone.now()
    rows = []
    for beat in Beat.objects.order_by("kind", "-at")[:30]:
        age = now - beat.at
        word = _("alive") if age < _ALIVE_FOR else _("silent")
        rows.append(
            [beat.kind, beat.instance, word, _("%(n)s s ago") % {"n": max(0, int(age.total_seconds()))}]
        )
    return {"headers": [_("Part"), _("Instance"), _("State"), _("Last sign")], "rows": rows}
