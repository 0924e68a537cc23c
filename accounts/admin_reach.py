"""The desk for what people are told and asked: to be read, so that a mail that did not come can be looked for."""

from __future__ import annotations

from django.contrib import admin

from accounts.desk import HistoryDesk
from accounts.models import Notice, NoticeChoice, OrganizationInvitation


@admin.register(Notice)
class NoticeDesk(HistoryDesk):
    """Notices and how their mails stand. Where they lead is not shown: some links are keys."""

    list_display = ("kind", "user", "created_at", "read_at", "mail_owed", "mailed_at", "mail_note")
    list_filter = ("mail_owed", "kind", "created_at")
    list_select_related = ("user",)
    search_fields = ("=user__username",)
    fields = readonly_fields = (
        "user", "kind", "created_at", "read_at", "mail_owed", "mail_tries", "mail_at", "mailed_at", "mail_note",
    )  # fmt: skip


@admin.register(NoticeChoice)
class NoticeChoiceDesk(HistoryDesk):
    """Who wants no mail about what."""

    list_display = ("user", "kind", "mail")
    list_filter = ("kind", "mail")
    list_select_related = ("user",)
    search_fields = ("=user__username",)
    fields = readonly_fields = ("user", "kind", "mail")


@admin.register(OrganizationInvitation)
class OrganizationInvitationDesk(HistoryDesk):
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
