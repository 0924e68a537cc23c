"""Admin of upstream runs and their outcomes, and of each upstream's daily cost."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.credits import amounts
from core.admin.cells import link, moment
from core.admin.model_admins import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline
from predictions.admin.internals import LARGE_FIELDS
from predictions.models import UpstreamDay, UpstreamRun
from predictions.upstreams import run_records

OUTCOME_LABELS = {
    "sent": "warning", "accepted": "info", "refused": "default", "lost": "danger", "succeeded": "success",
    "failed": "danger", "canceled": "default", "dropped": "default",
}  # fmt: skip


class UpstreamRunInline(ReadOnlyInline):
    """Upstream runs of a prediction, on its own page."""

    model = UpstreamRun
    fields = ("sent_at", "upstream", "outcome", "error_kind", "job_id", "answer")
    readonly_fields = fields
    ordering = ("-id",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[UpstreamRun]:
        rows: QuerySet[UpstreamRun] = super().get_queryset(request)
        return rows.select_related("upstream")


@admin.register(UpstreamRun)
class UpstreamRunAdmin(ReadOnlyAdmin):
    """Every start that was sent to an upstream, and its outcome."""

    list_display = (
        "when", "prediction_link", "upstream", "key_label", "outcome_label", "error_kind", "answered_ms", "cost_shown",
    )  # fmt: skip
    list_filter = ("outcome", "error_kind", "upstream", "sent_at")
    list_select_related = ("prediction", "upstream", "key")
    search_fields = ("=prediction__public_id", "=job_id", "prediction__request_id__exact")
    search_help_text = gettext_lazy("ID of the prediction, the upstream's job, or the request")
    actions = ("it_ran", "it_never_ran")
    fields = (
        "prediction_link", "upstream", "key_label", "run", "outcome", "job_id", "error_kind", "answer",
        "answered_ms", "cost_shown", "reserved_shown", "sent_at", "ended_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[UpstreamRun]:
        rows: QuerySet[UpstreamRun] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in LARGE_FIELDS))

    @display(description=gettext_lazy("sent"))
    def when(self, run: UpstreamRun) -> str:
        return moment(run.sent_at)

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, run: UpstreamRun) -> str:
        return link(run.prediction)

    @display(description=gettext_lazy("key"))
    def key_label(self, run: UpstreamRun) -> str:
        return run.key.label

    @display(description=gettext_lazy("outcome"), label=OUTCOME_LABELS)
    def outcome_label(self, run: UpstreamRun) -> tuple[str, str]:
        return run.outcome, run.get_outcome_display()

    @display(description=gettext_lazy("cost"))
    def cost_shown(self, run: UpstreamRun) -> str:
        return "–" if run.cost is None else amounts.display(run.cost)

    @display(description=gettext_lazy("reserved"))
    def reserved_shown(self, run: UpstreamRun) -> str:
        return amounts.display(run.reserved)

    def has_check_permission(self, request: HttpRequest) -> bool:
        """Requires changing runs; of a lost run only the outcome can be set."""
        return bool(request.user.has_perm("predictions.change_upstreamrun"))

    @admin.action(description=gettext_lazy("Looked after: it ran there"), permissions=["check"])
    def it_ran(self, request: HttpRequest, chosen: QuerySet[UpstreamRun]) -> None:
        """Lost starts that did run: what was reserved becomes their cost."""
        check_strays(self, request, list(chosen), it_ran=True)

    @admin.action(description=gettext_lazy("Looked after: it never ran"), permissions=["check"])
    def it_never_ran(self, request: HttpRequest, chosen: QuerySet[UpstreamRun]) -> None:
        """Lost starts that did not run: what was reserved is returned to the day."""
        check_strays(self, request, list(chosen), it_ran=False)


def check_strays(desk: BaseAdmin, request: HttpRequest, runs: list[UpstreamRun], *, it_ran: bool) -> None:
    """Record the outcome of lost starts."""
    checked = 0
    for run in runs:
        if run_records.checked(run, it_ran=it_ran):
            checked += 1
            desk.log_change(request, run, "It ran there." if it_ran else "It never ran there.")
    message = ngettext("%(n)d lost start is settled.", "%(n)d lost starts are settled.", checked) % {
        "n": checked
    }
    desk.message_user(request, message, messages.SUCCESS if checked else messages.WARNING)


@admin.register(UpstreamDay)
class UpstreamDayAdmin(ReadOnlyAdmin):
    """Daily cost of each upstream."""

    list_display = ("day", "upstream", "spent_shown", "capped_at")
    list_filter = ("upstream", "day")
    list_select_related = ("upstream",)
    fields = ("upstream", "day", "spent_shown", "capped_at")
    readonly_fields = fields

    @display(description=gettext_lazy("spent and reserved"))
    def spent_shown(self, day: UpstreamDay) -> str:
        return amounts.display(day.spent)
