"""Read-only admin of usage aggregates: daily usage, daily failures, aggregated days, samples of the queue."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.credits import amounts
from core.admin.model_admins import ReadOnlyAdmin
from predictions.models import FailureDay, FigureDay, QueueLook, UsageDay


@admin.register(UsageDay)
class UsageDayAdmin(ReadOnlyAdmin):
    """Daily usage by account and model."""

    list_display = (
        "day", "account", "model", "succeeded", "failed", "canceled", "outputs", "filtered", "charged_shown",
        "spent_shown",
    )  # fmt: skip
    list_filter = ("model",)
    list_select_related = ("account", "model")
    search_fields = ("account__name",)
    ordering = ("-day", "-id")
    fields = list_display
    readonly_fields = fields

    @display(description=gettext_lazy("charged"))
    def charged_shown(self, row: UsageDay) -> str:
        return amounts.display(row.charged)

    @display(description=gettext_lazy("paid upstream"))
    def spent_shown(self, row: UsageDay) -> str:
        return amounts.display(row.spent)


@admin.register(FailureDay)
class FailureDayAdmin(ReadOnlyAdmin):
    """Daily failures by model and class of reason."""

    list_display = ("day", "model", "reason", "count")
    list_filter = ("reason", "model")
    list_select_related = ("model",)
    ordering = ("-day", "-id")


@admin.register(FigureDay)
class FigureDayAdmin(ReadOnlyAdmin):
    """Which days have been aggregated, and when."""

    list_display = ("day", "zone", "closed", "made_at")
    list_filter = ("closed",)
    ordering = ("-day",)


@admin.register(QueueLook)
class QueueLookAdmin(ReadOnlyAdmin):
    """The queue's state, minute by minute."""

    list_display = ("at", "waiting", "running", "oldest_s", "start_p95_ms")
    ordering = ("-id",)
