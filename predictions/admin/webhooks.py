"""Admin of webhook deliveries and their attempts; read-only."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from core.admin.columns import Column, choice_column, link_column, time_column
from core.admin.model_admins import register_read_only
from predictions.admin.internals import LARGE_PREDICTION_FIELDS
from predictions.models import (
    Delivery,
    DeliveryAttempt,
)


def _request_id(delivery: Delivery) -> str:
    return delivery.prediction.request_id if delivery.prediction is not None else ""


# Webhook deliveries with the receiver's last answer.
register_read_only(
    Delivery,
    list_display=(
        "message_id", "event",
        choice_column(
            "state",
            gettext_lazy("state"),
            {"owed": "warning", "delivered": "success", "given_up": "danger", "dropped": "default"},
        ),
        link_column("prediction", gettext_lazy("prediction")), "attempts", "answer_code", "due_at",
    ),
    fields=(
        "message_id", "account", "event", "state", "prediction",
        Column("request_id", gettext_lazy("request"), _request_id), "url", "attempts", "resent",
        "answer_code", "answer_note", "body", "created_at", "due_at", "delivered_at",
    ),
    list_filter=("state", "event", "created_at"),
    search_fields=("=prediction__public_id", "=message_id", "prediction__request_id__exact"),
    search_help_text=gettext_lazy("ID of the message, its prediction, or the request"),
    deferred=LARGE_PREDICTION_FIELDS,
)  # fmt: skip

# Every delivery attempt, with its answer and duration.
register_read_only(
    DeliveryAttempt,
    list_display=(
        "delivery", "number", time_column("at", gettext_lazy("when")), "answer_code", "note", "took_ms",
    ),
    fields=(
        link_column("delivery", gettext_lazy("delivery")), "number", "at", "answer_code", "note", "took_ms",
    ),
    list_filter=("answer_code", "at"),
    search_fields=(
        "=delivery__message_id",
        "=delivery__prediction__public_id",
        "delivery__prediction__request_id__exact",
    ),
    deferred=("delivery__body",),
)  # fmt: skip
