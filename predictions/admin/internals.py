"""Read-only admin of internal records: idempotency keys, unanswered creates, upload pins, previews, heartbeats.

Also what each account takes up now.
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from core.admin.cells import link, moment, pretty
from core.admin.model_admins import ReadOnlyAdmin
from predictions.models import (
    AccountUsage,
    Beat,
    IdempotencyKey,
    Preview,
    UnansweredCreate,
    UploadUse,
)

LARGE_FIELDS = ("input", "output", "logs", "result", "metrics", "error")
"""Columns of a prediction that may hold megabytes; no list reads them."""


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Callers' idempotency keys, kept for a day."""

    list_display = ("key", "account", "user", "prediction_link", "created_at")
    list_select_related = ("account", "user", "prediction")
    search_fields = ("=key", "=prediction__public_id", "account__name")
    fields = ("key", "account", "user", "prediction_link", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[IdempotencyKey]:
        rows: QuerySet[IdempotencyKey] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in LARGE_FIELDS))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, key: IdempotencyKey) -> str:
        return link(key.prediction)


@admin.register(UnansweredCreate)
class UnansweredCreateAdmin(ReadOnlyAdmin):
    """Creates whose answer a retrying client has not received yet; each exists for minutes."""

    list_display = ("request", "account", "user", "prediction_link", "lost", "created_at")
    list_filter = ("lost",)
    list_select_related = ("account", "user", "prediction")
    search_fields = ("=prediction__public_id", "account__name")
    fields = ("request", "account", "user", "prediction_link", "lost", "instance", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnansweredCreate]:
        rows: QuerySet[UnansweredCreate] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in LARGE_FIELDS))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, create: UnansweredCreate) -> str:
        return link(create.prediction)


@admin.register(UploadUse)
class UploadUseAdmin(ReadOnlyAdmin):
    """Which unfinished predictions pin which uploads."""

    list_display = ("upload", "prediction_link")
    list_select_related = ("upload", "prediction")
    search_fields = ("=upload__public_id", "=prediction__public_id")
    fields = ("upload", "prediction_link")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[UploadUse]:
        rows: QuerySet[UploadUse] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in LARGE_FIELDS))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, use: UploadUse) -> str:
        return link(use.prediction)


@admin.register(AccountUsage)
class AccountUsageAdmin(ReadOnlyAdmin):
    """What each account takes up now: files, and predictions that have not ended."""

    list_display = ("account", "predictions", "input_bytes", "output_bytes", "stored_bytes", "upload_bytes")
    list_select_related = ("account",)
    search_fields = ("account__name",)
    ordering = ("-pk",)


@admin.register(Preview)
class PreviewAdmin(ReadOnlyAdmin):
    """Which running predictions have a preview, and since when; the images themselves are their owners'."""

    list_display = ("prediction_link", "number", "at")
    list_select_related = ("prediction",)
    search_fields = ("=prediction__public_id",)
    ordering = ("-at",)
    fields = ("prediction_link", "number", "content_type", "at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preview]:
        rows: QuerySet[Preview] = super().get_queryset(request)
        return rows.defer("data", *(f"prediction__{name}" for name in LARGE_FIELDS))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, preview: Preview) -> str:
        return link(preview.prediction)


@admin.register(Beat)
class BeatAdmin(ReadOnlyAdmin):
    """The last heartbeat of every process."""

    list_display = ("kind", "instance", "when", "at_a_glance")
    fields = ("kind", "instance", "when", "whole")
    readonly_fields = fields
    list_filter = ("kind",)
    search_fields = ("kind", "instance")
    ordering = ("kind", "instance")

    @display(description=gettext_lazy("last sign"))
    def when(self, beat: Beat) -> str:
        return moment(beat.at)

    @display(description=gettext_lazy("detail"))
    def at_a_glance(self, beat: Beat) -> str:
        return Truncator(", ".join(f"{name}: {value}" for name, value in beat.detail.items())).chars(120)

    @display(description=gettext_lazy("detail"))
    def whole(self, beat: Beat) -> str:
        return pretty(beat.detail)
