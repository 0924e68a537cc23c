"""Read-only admin of usage aggregates: daily usage, daily failures, aggregated days, samples of the queue."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from accounts.credits import amounts
from core.admin.columns import value_column
from core.admin.model_admins import register_read_only
from predictions.models import FailureDay, FigureDay, QueueLook, UsageDay

# Daily usage by account and model.
register_read_only(
    UsageDay,
    list_display=(
        "day", "account", "model", "succeeded", "failed", "canceled", "outputs", "filtered",
        value_column("charged", gettext_lazy("charged"), amounts.display),
        value_column("spent", gettext_lazy("paid upstream"), amounts.display),
    ),
    list_filter=("model",),
    search_fields=("account__name",),
    ordering=("-day", "-id"),
)  # fmt: skip

# Daily failures by model and class of reason.
register_read_only(
    FailureDay,
    list_display=("day", "model", "reason", "count"),
    fields=None,
    list_filter=("reason", "model"),
    ordering=("-day", "-id"),
)

# Which days have been aggregated, and when.
register_read_only(
    FigureDay,
    list_display=("day", "zone", "closed", "made_at"),
    fields=None,
    list_filter=("closed",),
    ordering=("-day",),
)

# The queue's state, minute by minute.
register_read_only(
    QueueLook,
    list_display=("at", "waiting", "running", "oldest_s", "start_p95_ms"),
    fields=None,
)
