"""Admin of webhook deliveries and their attempts; read-only."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from core.admin.cells import link, moment
from core.admin.model_admins import ReadOnlyAdmin
from predictions.admin.internals import LARGE_FIELDS
from predictions.models import (
    Delivery,
    DeliveryAttempt,
)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Webhook deliveries with the receiver's last answer."""

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
        return rows.defer(*(f"prediction__{name}" for name in LARGE_FIELDS))

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
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """Every delivery attempt, with its answer and duration."""

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
    def when(self, attempt: DeliveryAttempt) -> str:
        return moment(attempt.at)

    @display(description=gettext_lazy("delivery"))
    def delivery_link(self, attempt: DeliveryAttempt) -> str:
        return link(attempt.delivery)
