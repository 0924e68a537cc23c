"""Read-only admin of internal records: idempotency keys, unanswered creates, upload pins, previews, heartbeats.

Also what each account takes up now.
"""

from __future__ import annotations

from django.utils.text import Truncator
from django.utils.translation import gettext_lazy

from core.admin.columns import Column, json_column, link_column, time_column
from core.admin.model_admins import register_read_only
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
LARGE_PREDICTION_FIELDS = tuple(f"prediction__{name}" for name in LARGE_FIELDS)
"""The same from a row that belongs to a prediction."""

# Callers' idempotency keys, kept for a day.
register_read_only(
    IdempotencyKey,
    list_display=(
        "key", "account", "user", link_column("prediction", gettext_lazy("prediction")), "created_at",
    ),
    search_fields=("=key", "=prediction__public_id", "account__name"),
    deferred=LARGE_PREDICTION_FIELDS,
)  # fmt: skip

# Creates whose answer a retrying client has not received yet; each exists for minutes.
register_read_only(
    UnansweredCreate,
    list_display=(
        "request", "account", "user", link_column("prediction", gettext_lazy("prediction")), "lost",
        "created_at",
    ),
    fields=("request", "account", "user", "prediction", "lost", "instance", "created_at"),
    list_filter=("lost",),
    search_fields=("=prediction__public_id", "account__name"),
    deferred=LARGE_PREDICTION_FIELDS,
)  # fmt: skip

# Which unfinished predictions pin which uploads.
register_read_only(
    UploadUse,
    list_display=("upload", link_column("prediction", gettext_lazy("prediction"))),
    search_fields=("=upload__public_id", "=prediction__public_id"),
    deferred=LARGE_PREDICTION_FIELDS,
)

# What each account takes up now: files, and predictions that have not ended.
register_read_only(
    AccountUsage,
    list_display=("account", "predictions", "input_bytes", "output_bytes", "stored_bytes", "upload_bytes"),
    fields=None,
    search_fields=("account__name",),
)

# Which running predictions have a preview, and since when; the images themselves are their owners'.
register_read_only(
    Preview,
    list_display=(link_column("prediction", gettext_lazy("prediction")), "number", "at"),
    fields=("prediction", "number", "content_type", "at"),
    search_fields=("=prediction__public_id",),
    ordering=("-at",),
    deferred=("data", *LARGE_PREDICTION_FIELDS),
)


def _detail_line(beat: Beat) -> str:
    """The detail of a heartbeat on one line, cut."""
    return Truncator(", ".join(f"{name}: {value}" for name, value in beat.detail.items())).chars(120)


# The last heartbeat of every process.
register_read_only(
    Beat,
    list_display=(
        "kind", "instance", time_column("at", gettext_lazy("last sign")),
        Column("detail_line", gettext_lazy("detail"), _detail_line),
    ),
    fields=("kind", "instance", "at", json_column("detail", gettext_lazy("detail"))),
    list_filter=("kind",),
    search_fields=("kind", "instance"),
    ordering=("kind", "instance"),
)  # fmt: skip
