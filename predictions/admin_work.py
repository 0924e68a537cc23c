"""The desk for what is owed and remembered: deliveries, keys, unanswered creates, previews, signs of life."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.desk import HistoryDesk, link, moment, pretty
from predictions.models import (
    AccountUsage,
    Beat,
    Delivery,
    DeliveryAttempt,
    IdempotencyKey,
    Preview,
    UnansweredCreate,
    UploadUse,
)

HEAVY = ("input", "output", "logs", "result", "metrics", "error")
"""Columns of a prediction that may hold megabytes; no list reads them."""


@admin.register(Delivery)
class DeliveryDesk(HistoryDesk):
    """Webhooks that are owed, were delivered, or were given up, with what the receiver answered."""

    list_display = (
        "message_id",
        "event",
        "state_label",
        "prediction_link",
        "attempts",
        "answer_code",
        "due_at",
    )
    list_filter = ("state", "event", "created_at")
    list_select_related = ("prediction",)
    search_fields = ("=prediction__public_id", "=message_id", "prediction__request_id__exact")
    search_help_text = gettext_lazy("ID of the message, its prediction, or the request")
    fields = (
        "message_id", "account", "event", "state", "prediction_link", "request_id", "url", "attempts", "resent",
        "answer_code", "answer_note", "body", "created_at", "due_at", "delivered_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in HEAVY))

    @display(description=gettext_lazy("request"))
    def request_id(self, delivery: Delivery) -> str:
        return delivery.prediction.request_id if delivery.prediction is not None else ""

    @display(
        description=gettext_lazy("state"),
        label={"owed": "warning", "delivered": "success", "given_up": "danger", "dropped": "default"},
    )
    def state_label(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, delivery: Delivery) -> str:
        return link(delivery.prediction)


@admin.register(DeliveryAttempt)
class DeliveryAttemptDesk(HistoryDesk):
    """Every try of a webhook, with what came back and how long it took."""

    list_display = ("delivery", "number", "when", "answer_code", "note", "took_ms")
    list_filter = ("answer_code", "at")
    list_select_related = ("delivery",)
    search_fields = (
        "=delivery__message_id", "=delivery__prediction__public_id", "delivery__prediction__request_id__exact",
    )  # fmt: skip
    fields = ("delivery_link", "number", "when", "answer_code", "note", "took_ms")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeliveryAttempt]:
        rows: QuerySet[DeliveryAttempt] = super().get_queryset(request)
        return rows.defer("delivery__body")

    @display(description=gettext_lazy("when"))
    def when(self, one: DeliveryAttempt) -> str:
        return moment(one.at)

    @display(description=gettext_lazy("delivery"))
    def delivery_link(self, one: DeliveryAttempt) -> str:
        return link(one.delivery)


@admin.register(IdempotencyKey)
class IdempotencyKeyDesk(HistoryDesk):
    """Callers' own keys, kept for a day."""

    list_display = ("key", "account", "user", "prediction_link", "created_at")
    list_select_related = ("account", "user", "prediction")
    search_fields = ("=key", "=prediction__public_id", "account__name")
    fields = ("key", "account", "user", "prediction_link", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[IdempotencyKey]:
        rows: QuerySet[IdempotencyKey] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in HEAVY))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, key: IdempotencyKey) -> str:
        return link(key.prediction)


@admin.register(UnansweredCreate)
class UnansweredCreateDesk(HistoryDesk):
    """Creates whose answer is owed to a client that repeats by itself; each lives for minutes."""

    list_display = ("request", "account", "user", "prediction_link", "lost", "created_at")
    list_filter = ("lost",)
    list_select_related = ("account", "user", "prediction")
    search_fields = ("=prediction__public_id", "account__name")
    fields = ("request", "account", "user", "prediction_link", "lost", "instance", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnansweredCreate]:
        rows: QuerySet[UnansweredCreate] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in HEAVY))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, create: UnansweredCreate) -> str:
        return link(create.prediction)


@admin.register(UploadUse)
class UploadUseDesk(HistoryDesk):
    """Which predictions that have not ended need which uploads."""

    list_display = ("upload", "prediction_link")
    list_select_related = ("upload", "prediction")
    search_fields = ("=upload__public_id", "=prediction__public_id")
    fields = ("upload", "prediction_link")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[UploadUse]:
        rows: QuerySet[UploadUse] = super().get_queryset(request)
        return rows.defer(*(f"prediction__{name}" for name in HEAVY))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, use: UploadUse) -> str:
        return link(use.prediction)


@admin.register(AccountUsage)
class AccountUsageDesk(HistoryDesk):
    """The room that each account takes now: files, and predictions that have not ended."""

    list_display = ("account", "predictions", "input_bytes", "output_bytes", "stored_bytes", "upload_bytes")
    list_select_related = ("account",)
    search_fields = ("account__name",)
    ordering = ("-pk",)


@admin.register(Preview)
class PreviewDesk(HistoryDesk):
    """Which running predictions have been looked at, and when; the looks themselves are their owners'."""

    list_display = ("prediction_link", "number", "at")
    list_select_related = ("prediction",)
    search_fields = ("=prediction__public_id",)
    ordering = ("-at",)
    fields = ("prediction_link", "number", "content_type", "at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preview]:
        rows: QuerySet[Preview] = super().get_queryset(request)
        return rows.defer("data", *(f"prediction__{name}" for name in HEAVY))

    @display(description=gettext_lazy("prediction"))
    def prediction_link(self, preview: Preview) -> str:
        return link(preview.prediction)


@admin.register(Beat)
class BeatDesk(HistoryDesk):
    """The last sign of life of every process."""

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
