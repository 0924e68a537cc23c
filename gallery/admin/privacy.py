"""The desk for exports and deleted accounts, to be read."""

from __future__ import annotations

from django.contrib import admin

from core.admin.model_admins import ReadOnlyAdmin
from gallery.models import Closure, Export


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Copies of everything that members asked for. Their addresses are the members' own and not shown."""

    list_display = ("user", "account", "state", "done", "total", "created_at", "finished_at", "expires_at")
    list_filter = ("state", "created_at")
    list_select_related = ("user", "account")
    search_fields = ("=user__username",)
    fields = readonly_fields = (
        "user", "account", "state", "done", "total", "tries", "note", "created_at", "finished_at", "expires_at",
    )  # fmt: skip


@admin.register(Closure)
class ClosureAdmin(ReadOnlyAdmin):
    """Who wants their account deleted, and what was removed."""

    list_display = ("user", "account", "created_at", "due_at", "called_off_at", "begun_at", "finished_at")
    list_select_related = ("user", "account")
    search_fields = ("=user__username",)
    fields = readonly_fields = (
        "user", "account", "created_at", "due_at", "called_off_at", "begun_at", "finished_at", "receipt",
    )  # fmt: skip
