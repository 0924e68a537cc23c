"""House rules and announcements in the panel: to be read there; they are changed at pages of their own, on record."""

from __future__ import annotations

from django.contrib import admin

from accounts.desk import HistoryDesk
from accounts.models import Announcement, Site


@admin.register(Site)
class SiteDesk(HistoryDesk):
    """The one row of house rules; /admin/house/ is the form that validates and records."""

    list_display = ("__str__", "registration", "maintenance", "changed_at")


@admin.register(Announcement)
class AnnouncementDesk(HistoryDesk):
    """What was announced to whom and when."""

    list_display = ("__str__", "audience", "tone", "starts_at", "ends_at", "withdrawn_at")
    list_filter = ("audience", "tone")
    search_fields = ("text_en", "text_zh")
