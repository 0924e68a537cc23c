"""Admin of upstream runs and their outcomes, and of each upstream's daily cost."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.credits import amounts
from core.admin.columns import choice_column, link_column, time_column, value_column
from core.admin.decorators import permission_check
from core.admin.model_admins import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline, register_read_only
from predictions.admin.internals import LARGE_PREDICTION_FIELDS
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
    ordering = ("-id",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[UpstreamRun]:
        rows: QuerySet[UpstreamRun] = super().get_queryset(request)
        return rows.select_related("upstream")


@admin.register(UpstreamRun)
class UpstreamRunAdmin(ReadOnlyAdmin):
    """Every start that was sent to an upstream, and its outcome."""

    list_display = (
        "when", "prediction_link", "upstream", "key_label", "outcome_label", "error_kind", "answered_ms", "cost_column",
    )  # fmt: skip
    list_filter = ("outcome", "error_kind", "upstream", "sent_at")
    list_select_related = ("prediction", "upstream", "key")
    search_fields = ("=prediction__public_id", "=job_id", "prediction__request_id__exact")
    search_help_text = gettext_lazy("ID of the prediction, the upstream's job, or the request")
    actions = ("it_ran", "it_never_ran")
    fields = (
        "prediction_link", "upstream", "key_label", "run", "outcome", "job_id", "error_kind", "answer",
        "answered_ms", "cost_column", "reserved_column", "sent_at", "ended_at",
    )  # fmt: skip
    when = time_column("sent_at", gettext_lazy("sent"))
    prediction_link = link_column("prediction", gettext_lazy("prediction"))
    outcome_label = choice_column("outcome", gettext_lazy("outcome"), OUTCOME_LABELS)
    cost_column = value_column("cost", gettext_lazy("cost"), amounts.display)
    reserved_column = value_column("reserved", gettext_lazy("reserved"), amounts.display)
    deferred = LARGE_PREDICTION_FIELDS
    has_check_permission = permission_check("predictions.change_upstreamrun")

    @display(description=gettext_lazy("key"))
    def key_label(self, run: UpstreamRun) -> str:
        return run.key.label

    @admin.action(description=gettext_lazy("Looked after: it ran there"), permissions=["check"])
    def it_ran(self, request: HttpRequest, chosen: QuerySet[UpstreamRun]) -> None:
        """Lost starts that did run: what was reserved becomes their cost."""
        settle_strays(self, request, list(chosen), it_ran=True)

    @admin.action(description=gettext_lazy("Looked after: it never ran"), permissions=["check"])
    def it_never_ran(self, request: HttpRequest, chosen: QuerySet[UpstreamRun]) -> None:
        """Lost starts that did not run: what was reserved is returned to the day."""
        settle_strays(self, request, list(chosen), it_ran=False)


def settle_strays(
    model_admin: BaseAdmin, request: HttpRequest, runs: list[UpstreamRun], *, it_ran: bool
) -> None:
    """Record the outcome of lost starts."""
    checked = 0
    for run in runs:
        if run_records.checked(run, it_ran=it_ran):
            checked += 1
            model_admin.log_change(request, run, "It ran there." if it_ran else "It never ran there.")
    message = ngettext("%(n)d lost start is settled.", "%(n)d lost starts are settled.", checked) % {
        "n": checked
    }
    model_admin.message_user(request, message, messages.SUCCESS if checked else messages.WARNING)


# Daily cost of each upstream.
register_read_only(
    UpstreamDay,
    list_display=(
        "day", "upstream", value_column("spent", gettext_lazy("spent and reserved"), amounts.display),
        "capped_at",
    ),
    fields=("upstream", "day", "spent", "capped_at"),
    list_filter=("upstream", "day"),
)  # fmt: skip
