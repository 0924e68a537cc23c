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
from core.admin.cells import link, moment, pretty
from core.admin.list_filters import IndexedChoicesFilter, NumberedDateFilter
from core.admin.model_admins import ReadOnlyAdmin
from predictions import lifecycle
from predictions.admin import run_history
from predictions.admin.internals import LARGE_FIELDS
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

    def narrowed(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
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
        "source", "pictures", "input_shown", "output_shown", "error", "logs", "webhook",
        "webhook_events", "request_id", "metrics_shown", "progress", "most", "charged",
        "ledger", "price", "provider", "job_id", "start_attempts", "collect_attempts", "run", "upstream_open",
        "created_at", "started_at", "completed_at", "deadline", "must_end_by", "not_before", "lease_until",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("public_id", "status", "user_link", "account_link", "model", "pictures", "error")}),
        (gettext_lazy("Request"), {
                "fields": (
                    "input_shown", "version", "source", "token", "request_id", "webhook", "webhook_events",
                ),
                "classes": ("tab",),
            }),
        (gettext_lazy("Result"), {"fields": ("output_shown", "metrics_shown", "logs"), "classes": ("tab",)}),
        (gettext_lazy("Money"), {"fields": ("most", "charged", "price", "ledger"), "classes": ("tab",)}),
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        """Adds the prompt's text and defers what may be megabytes: an input may contain images as data URIs."""
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

    @display(description=gettext_lazy("created"))
    def when(self, prediction: Prediction) -> str:
        return moment(prediction.created_at)

    @display(description=gettext_lazy("status"), label=STATUS_LABELS)
    def status_label(self, prediction: Prediction) -> tuple[str, str]:
        return prediction.status, prediction.get_status_display()

    @display(description=gettext_lazy("user"))
    def user_link(self, prediction: Prediction) -> str:
        return link(prediction.user)

    @display(description=gettext_lazy("account"))
    def account_link(self, prediction: Prediction) -> str:
        return link(prediction.account)

    @display(description=gettext_lazy("prompt"))
    def words(self, prediction: Any) -> str:
        return Truncator(prediction.prompt_words or "").chars(80)

    @display(description=gettext_lazy("cost"))
    def cost(self, prediction: Prediction) -> str:
        if prediction.charge is None:
            return f"≤ {amounts.display(prediction.ceiling)}"
        return amounts.display(prediction.charge)

    @display(description=gettext_lazy("most it can cost"))
    def most(self, prediction: Prediction) -> str:
        return amounts.display(prediction.ceiling)

    @display(description=gettext_lazy("charged"))
    def charged(self, prediction: Prediction) -> str:
        return "–" if prediction.charge is None else amounts.display(prediction.charge)

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

    @display(description=gettext_lazy("input"))
    def input_shown(self, prediction: Prediction) -> str:
        return pretty(prediction.input)

    @display(description=gettext_lazy("output"))
    def output_shown(self, prediction: Prediction) -> str:
        return pretty(prediction.output)

    @display(description=gettext_lazy("metrics"))
    def metrics_shown(self, prediction: Prediction) -> str:
        return pretty(prediction.metrics)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Requires changing predictions."""
        return bool(request.user.has_perm("predictions.change_prediction"))

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
    """Outputs, with thumbnails for whoever may see them here."""

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
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Output]:
        rows: QuerySet[Output] = super().get_queryset(request)
        return rows.defer("blur", *(f"prediction__{name}" for name in LARGE_FIELDS))

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

    @display(description=gettext_lazy("created"))
    def when(self, output: Output) -> str:
        return moment(output.created_at)

    @display(description=gettext_lazy("picture"))
    def picture(self, output: Output) -> str:
        return thumbnail(output.pk, output.name)

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, output: Output) -> str:
        return link(output.prediction)

    @display(description=gettext_lazy("bytes"))
    def size(self, output: Output) -> str:
        return f"{output.file.size:,}"

    @display(description=gettext_lazy("type"))
    def type(self, output: Output) -> str:
        return output.file.content_type


@admin.register(StoredFile)
class StoredFileAdmin(ReadOnlyAdmin):
    """All files that have a row."""

    list_display = ("key", "state_label", "size", "content_type", "removal_failures", "created_at")
    list_filter = ("state", "content_type")
    search_fields = ("key", "=sha256")

    @display(
        description=gettext_lazy("state"), label={"kept": "success", "pending": "warning", "doomed": "danger"}
    )
    def state_label(self, file: StoredFile) -> tuple[str, str]:
        return file.state, file.get_state_display()


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Files that members uploaded as inputs."""

    list_display = ("public_id", "name", "account", "content_type", "created_at", "expires_at", "deleted_at")
    list_filter = ("content_type", "created_at")
    list_select_related = ("account",)
    search_fields = ("=public_id", "name", "account__name")
    fields = (
        "public_id",
        "name",
        "account",
        "user",
        "content_type",
        "md5",
        "metadata",
        "created_at",
        "expires_at",
        "deleted_at",
    )
    readonly_fields = fields


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
