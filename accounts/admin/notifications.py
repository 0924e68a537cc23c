"""The desk for what people are told and asked: to be read, so that a mail that did not come can be looked for."""

from __future__ import annotations

from django.contrib import admin

from accounts.models import Announcement, Notice, NoticeChoice, OrganizationInvitation, Site
from core.admin.model_admins import ReadOnlyAdmin


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Notices and how their mails stand. Where they lead is not shown: some links are keys."""

    list_display = ("kind", "user", "created_at", "read_at", "mail_owed", "mailed_at", "mail_note")
    list_filter = ("mail_owed", "kind", "created_at")
    list_select_related = ("user",)
    search_fields = ("=user__username",)
    fields = readonly_fields = (
        "user", "kind", "created_at", "read_at", "mail_owed", "mail_tries", "mail_at", "mailed_at", "mail_note",
    )  # fmt: skip


@admin.register(NoticeChoice)
class NoticeChoiceAdmin(ReadOnlyAdmin):
    """Who wants no mail about what."""

    list_display = ("user", "kind", "mail")
    list_filter = ("kind", "mail")
    list_select_related = ("user",)
    search_fields = ("=user__username",)
    fields = readonly_fields = ("user", "kind", "mail")


@admin.register(OrganizationInvitation)
class OrganizationInvitationAdmin(ReadOnlyAdmin):
    """Who was asked to join which organisation."""

    list_display = (
        "email",
        "account",
        "role",
        "made_by",
        "created_at",
        "expires_at",
        "accepted_at",
        "revoked_at",
    )
    list_select_related = ("account", "made_by")
    search_fields = ("=email", "account__name")
    fields = readonly_fields = (
        "email", "account", "role", "made_by", "created_at", "expires_at", "accepted_at", "accepted_by", "revoked_at",
    )  # fmt: skip


@admin.register(Site)
class SiteAdmin(ReadOnlyAdmin):
    """The one row of house rules; /admin/house/ is the form that validates and records."""

    list_display = ("__str__", "registration", "maintenance", "changed_at")


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnlyAdmin):
    """What was announced to whom and when."""

    list_display = ("__str__", "audience", "tone", "starts_at", "ends_at", "withdrawn_at")
    list_filter = ("audience", "tone")
    search_fields = ("text_en", "text_zh")
