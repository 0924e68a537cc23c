"""Read-only admin of data exports and account closures."""

from __future__ import annotations

from django.contrib import admin

from core.admin.model_admins import ReadOnlyAdmin
from gallery.models import Closure, Export


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Data exports that members requested. Their download URLs are secret and not shown."""

    list_display = ("user", "account", "state", "done", "total", "created_at", "finished_at", "expires_at")
    list_filter = ("state", "created_at")
    list_select_related = ("user", "account")
    search_fields = ("=user__username",)
    fields = readonly_fields = (
        "user", "account", "state", "done", "total", "tries", "note", "created_at", "finished_at", "expires_at",
    )  # fmt: skip


@admin.register(Closure)
class ClosureAdmin(ReadOnlyAdmin):
    """Requested account closures, and what each removed."""

    list_display = ("user", "account", "created_at", "due_at", "called_off_at", "begun_at", "finished_at")
    list_select_related = ("user", "account")
    search_fields = ("=user__username",)
    fields = readonly_fields = (
        "user", "account", "created_at", "due_at", "called_off_at", "begun_at", "finished_at", "receipt",
    )  # fmt: skip
