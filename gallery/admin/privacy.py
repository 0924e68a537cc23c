"""Read-only admin of data exports and account closures."""

from __future__ import annotations

from core.admin.model_admins import register_read_only
from gallery.models import Closure, Export

# Data exports that members requested. Their download URLs are secret and not shown.
register_read_only(
    Export,
    list_display=("user", "account", "state", "done", "total", "created_at", "finished_at", "expires_at"),
    fields=(
        "user", "account", "state", "done", "total", "tries", "note", "created_at", "finished_at",
        "expires_at",
    ),
    list_filter=("state", "created_at"),
    search_fields=("=user__username",),
)  # fmt: skip

# Requested account closures, and what each removed.
register_read_only(
    Closure,
    list_display=("user", "account", "created_at", "due_at", "called_off_at", "begun_at", "finished_at"),
    fields=(
        "user", "account", "created_at", "due_at", "called_off_at", "begun_at", "finished_at", "receipt",
    ),
    search_fields=("=user__username",),
)  # fmt: skip
