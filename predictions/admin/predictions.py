"""Admin of predictions, outputs, stored files and uploads."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import CharField, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Left
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.credits import amounts
from accounts.models import LedgerEntry
from accounts.staff.list_search import IndexedSearchAdmin
from core.admin.columns import choice_column, json_column, link_column, time_column, value_column
from core.admin.decorators import permission_check
from core.admin.list_filters import IndexedChoicesFilter, NumberedDateFilter
from core.admin.model_admins import ReadOnlyAdmin, register_read_only
from predictions import lifecycle
from predictions.admin import run_history
from predictions.admin.internals import LARGE_FIELDS, LARGE_PREDICTION_FIELDS
from predictions.files import file_responses
from predictions.models import Output, Phase, Prediction, Status, StoredFile, Upload
from predictions.models.prediction import LIVE, UNDER_WAY

_PUBLIC_ID = 26
STATUS_LABELS = {
    "starting": "warning", "processing": "info", "succeeded": "success", "failed": "danger", "canceled": "default",
    "aborted": "default",
}  # fmt: skip


class StatusFilter(IndexedChoicesFilter):
    """Filter by status: live ones by phase, and the few that did not succeed by their partial index."""

    def narrow(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value in LIVE:
            return rows.filter(phase__in=UNDER_WAY)
        # As literals, not parameters: only then does SQLite see that the partial index applies.
        unsuccessful = [RawSQL("'failed'", ()), RawSQL("'canceled'", ()), RawSQL("'aborted'", ())]
        return rows if value == Status.SUCCEEDED else rows.filter(status__in=unsuccessful)


class PhaseFilter(admin.ChoicesFieldListFilter):
    """Filter by phase. Ended ones are selected by exclusion: they are nearly all rows."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if list(self.lookup_val or ()) == [Phase.ENDED.value]:
            return queryset.exclude(phase__in=UNDER_WAY)
        return cast("QuerySet[Any]", super().queryset(request, queryset))


@admin.register(Prediction)
class PredictionAdmin(IndexedSearchAdmin, ReadOnlyAdmin):
    """Predictions, searchable by id, owner or prompt."""

    list_display = (
        "public_id",
        "status_label",
        "phase",
        "user_link",
        "model",
        "words",
        "cost",
        "provider",
        "when",
    )
    list_filter = (
        ("status", StatusFilter), ("phase", PhaseFilter), "source", "model", ("created_at", NumberedDateFilter),
    )  # fmt: skip
    list_select_related = ("user", "model")
    search_fields = ("public_id", "request_id", "user__username", "account__name", "prompt_words")
    search_help_text = gettext_lazy("ID, request ID, username, or words from a recent prompt")
    exactly, by_user, by_account = ("public_id", "request_id"), ("user",), ("account",)
    in_newest = ("prompt_words",)
    actions = ("cancel",)
    inlines = (run_history.UpstreamRunInline,)
    readonly_fields = (
        "public_id", "status", "phase", "user_link", "account_link", "token", "model", "version", "deployment",
        "source", "pictures", "input_column", "output_column", "error", "logs", "webhook",
        "webhook_events", "request_id", "metrics_column", "progress", "ceiling_column", "charged",
        "ledger", "price", "provider", "job_id", "start_attempts", "collect_attempts", "run", "upstream_open",
        "created_at", "started_at", "completed_at", "deadline", "must_end_by", "not_before", "lease_until",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("public_id", "status", "user_link", "account_link", "model", "pictures", "error")}),
        (gettext_lazy("Request"), {
                "fields": (
                    "input_column", "version", "source", "token", "request_id", "webhook", "webhook_events",
                ),
                "classes": ("tab",),
            }),
        (gettext_lazy("Result"), {"fields": ("output_column", "metrics_column", "logs"), "classes": ("tab",)}),
        (gettext_lazy("Money"), {"fields": ("ceiling_column", "charged", "price", "ledger"), "classes": ("tab",)}),
        (
            gettext_lazy("Work"),
            {
                "fields": (
                    "phase", "progress", "provider", "job_id", "start_attempts", "collect_attempts", "run",
                    "upstream_open", "lease_until", "not_before",
                ),
                "classes": ("tab",),
            },
        ),
        (
            gettext_lazy("Times"),
            {"fields": ("created_at", "started_at", "completed_at", "deadline", "must_end_by"), "classes": ("tab",)},
        ),
    )  # fmt: skip
    when = time_column("created_at", gettext_lazy("created"))
    status_label = choice_column("status", gettext_lazy("status"), STATUS_LABELS)
    user_link = link_column("user", gettext_lazy("user"))
    account_link = link_column("account", gettext_lazy("account"))
    ceiling_column = value_column("ceiling", gettext_lazy("most it can cost"), amounts.display)
    charged = value_column("charge", gettext_lazy("charged"), amounts.display)
    input_column = json_column("input", gettext_lazy("input"))
    output_column = json_column("output", gettext_lazy("output"))
    metrics_column = json_column("metrics", gettext_lazy("metrics"))
    has_cancel_permission = permission_check("predictions.change_prediction")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        """Annotated with the prompt. The list defers large columns: an input may contain images as data URIs."""
        words = Cast(KeyTextTransform("prompt", "input"), CharField())
        rows: QuerySet[Prediction] = super().get_queryset(request).annotate(prompt_words=Left(words, 2000))
        match = request.resolver_match
        if match is not None and match.url_name == "predictions_prediction_changelist":
            return rows.defer(*LARGE_FIELDS)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A complete id is looked up by index; anything else is searched."""
        term = search_term.strip()
        if len(term) == _PUBLIC_ID and term.isalnum() and term.islower():
            return queryset.filter(public_id=term), False
        return super().get_search_results(request, queryset, search_term)

    @display(description=gettext_lazy("prompt"))
    def words(self, prediction: Any) -> str:
        return Truncator(prediction.prompt_words or "").chars(80)

    @display(description=gettext_lazy("cost"))
    def cost(self, prediction: Prediction) -> str:
        if prediction.charge is None:
            return f"≤ {amounts.display(prediction.ceiling)}"
        return amounts.display(prediction.charge)

    @display(description=gettext_lazy("ledger"))
    def ledger(self, prediction: Prediction) -> str:
        rows = LedgerEntry.objects.filter(reference=prediction.public_id, account_id=prediction.account_id)
        lines = (
            (entry.get_kind_display(), amounts.display_change(entry.balance_delta))
            for entry in rows.order_by("id")
        )
        return format_html_join("", "<div>{}: {}</div>", lines)

    @display(description=gettext_lazy("outputs"))
    def pictures(self, prediction: Prediction) -> str:
        outputs = prediction.outputs.order_by("index").values_list("pk", "name")
        row = format_html_join("", "{}", ((thumbnail(pk, name, 144),) for pk, name in outputs))
        return format_html('<div class="flex flex-wrap gap-2">{}</div>', row) if row else "–"

    @admin.action(description=gettext_lazy("Cancel, and return the hold"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Prediction]) -> None:
        """Cancel those that are live, one transaction each."""
        canceled = 0
        for public_id in list(chosen.filter(completed_at__isnull=True).values_list("public_id", flat=True)):
            prediction = lifecycle.cancel(public_id)
            if prediction.shown_status == "canceled":
                self.log_change(request, prediction, "Canceled.")
                canceled += 1
        message = ngettext("%(n)d prediction canceled.", "%(n)d predictions canceled.", canceled) % {
            "n": canceled
        }
        self.message_user(request, message, messages.SUCCESS if canceled else messages.WARNING)


@admin.register(Output)
class OutputAdmin(ReadOnlyAdmin):
    """Outputs, with thumbnails."""

    # The thumbnail links to the full image, so it cannot also be the row's link.
    list_display_links = ("name",)
    list_display = ("picture", "name", "prediction_link", "size", "type", "withheld", "when")
    list_filter = ("withheld", "created_at")
    list_select_related = ("prediction", "file")
    search_fields = ("=prediction__public_id", "=token", "name")
    fields = (
        "picture",
        "name",
        "prediction_link",
        "index",
        "file",
        "small",
        "medium",
        "colour",
        "withheld",
        "created_at",
    )
    when = time_column("created_at", gettext_lazy("created"))
    prediction_link = link_column("prediction", gettext_lazy("prediction"))
    deferred = ("blur", *LARGE_PREDICTION_FIELDS)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.send_picture)
        return [path("<int:pk>/picture/", view, name="predictions_output_picture"), *super().get_urls()]

    def send_picture(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The image for a moderator: the small thumbnail, or the file itself with `?large=1`."""
        if not (self.has_view_permission(request) or request.user.has_perm("gallery.view_item")):
            raise Http404
        output = Output.objects.select_related("file", "small").filter(pk=pk).first()
        if output is None:
            raise Http404
        file = output.file if request.GET.get("large") or output.small is None else output.small
        return file_responses.send(request, file, filename=output.name, revalidate=True)

    @display(description=gettext_lazy("picture"))
    def picture(self, output: Output) -> str:
        return thumbnail(output.pk, output.name)

    @display(description=gettext_lazy("bytes"))
    def size(self, output: Output) -> str:
        return f"{output.file.size:,}"

    @display(description=gettext_lazy("type"))
    def type(self, output: Output) -> str:
        return output.file.content_type


# All files that have a row.
register_read_only(
    StoredFile,
    list_display=(
        "key",
        choice_column(
            "state", gettext_lazy("state"), {"kept": "success", "pending": "warning", "doomed": "danger"}
        ),
        "size", "content_type", "removal_failures", "created_at",
    ),
    fields=None,
    list_filter=("state", "content_type"),
    search_fields=("key", "=sha256"),
)  # fmt: skip

# Files that members uploaded as inputs.
register_read_only(
    Upload,
    list_display=("public_id", "name", "account", "content_type", "created_at", "expires_at", "deleted_at"),
    fields=(
        "public_id", "name", "account", "user", "content_type", "md5", "metadata", "created_at", "expires_at",
        "deleted_at",
    ),
    list_filter=("content_type", "created_at"),
    search_fields=("=public_id", "name", "account__name"),
)  # fmt: skip


def thumbnail(output_id: int, words: str, side: int = 72) -> str:
    """A thumbnail by the admin's own URL, so that moderators also see hidden outputs."""
    address = reverse("admin:predictions_output_picture", args=[output_id])
    return format_html(
        '<a href="{0}?large=1" target="_blank" rel="noopener"><img src="{0}" alt="{1}" loading="lazy"'
        ' height="{2}" style="height:{2}px;max-width:{3}px;object-fit:cover;border-radius:4px"></a>',
        address,
        words[:120],
        side,
        side * 2,
    )
