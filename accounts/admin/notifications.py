"""Read-only admin of notices, mail preferences, organisation invitations, site rules and announcements."""

from __future__ import annotations

from django.contrib import admin

from accounts.models import Announcement, Notice, NoticeChoice, OrganizationInvitation, Site
from core.admin.model_admins import ReadOnlyAdmin


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Notices and the state of their mails, to find out why one did not arrive. Links are hidden: some are secrets."""

    list_display = ("kind", "user", "created_at", "read_at", "mail_owed", "mailed_at", "mail_note")
    list_filter = ("mail_owed", "kind", "created_at")
    list_select_related = ("user",)
    search_fields = ("=user__username",)
    fields = readonly_fields = (
        "user", "kind", "created_at", "read_at", "mail_owed", "mail_tries", "mail_at", "mailed_at", "mail_note",
    )  # fmt: skip


@admin.register(NoticeChoice)
class NoticeChoiceAdmin(ReadOnlyAdmin):
    """Mail preferences: which kinds of notice a user gets no mail about."""

    list_display = ("user", "kind", "mail")
    list_filter = ("kind", "mail")
    list_select_related = ("user",)
    search_fields = ("=user__username",)
    fields = readonly_fields = ("user", "kind", "mail")


@admin.register(OrganizationInvitation)
class OrganizationInvitationAdmin(ReadOnlyAdmin):
    """Invitations to join an organisation."""

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
    """The single row of site rules, read-only; `/admin/house/` is the form that validates and records changes."""

    list_display = ("__str__", "registration", "maintenance", "changed_at")


@admin.register(Announcement)
class AnnouncementAdmin(ReadOnlyAdmin):
    """Announcements: audience, tone and period."""

    list_display = ("__str__", "audience", "tone", "starts_at", "ends_at", "withdrawn_at")
    list_filter = ("audience", "tone")
    search_fields = ("text_en", "text_zh")
