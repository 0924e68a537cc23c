"""Read-only admin of notices, mail preferences, organisation invitations, site rules and announcements."""

from __future__ import annotations

from accounts.models import Announcement, Notice, NoticeChoice, OrganizationInvitation, Site
from core.admin.model_admins import register_read_only

# Notices and the state of their mails, to find out why one did not arrive. Links are hidden: some are secrets.
register_read_only(
    Notice,
    list_display=("kind", "user", "created_at", "read_at", "mail_owed", "mailed_at", "mail_note"),
    fields=(
        "user", "kind", "created_at", "read_at", "mail_owed", "mail_tries", "mail_at", "mailed_at",
        "mail_note",
    ),
    list_filter=("mail_owed", "kind", "created_at"),
    search_fields=("=user__username",),
)  # fmt: skip

# Mail preferences: which kinds of notice a user gets no mail about.
register_read_only(
    NoticeChoice,
    list_display=("user", "kind", "mail"),
    list_filter=("kind", "mail"),
    search_fields=("=user__username",),
)

# Invitations to join an organisation.
register_read_only(
    OrganizationInvitation,
    list_display=(
        "email", "account", "role", "made_by", "created_at", "expires_at", "accepted_at", "revoked_at",
    ),
    fields=(
        "email", "account", "role", "made_by", "created_at", "expires_at", "accepted_at", "accepted_by",
        "revoked_at",
    ),
    search_fields=("=email", "account__name"),
)  # fmt: skip

# The single row of site rules; `/admin/house/` is the form that validates and records changes.
register_read_only(
    Site,
    list_display=("__str__", "registration", "maintenance", "changed_at"),
    fields=None,
)

# Announcements: audience, tone and period.
register_read_only(
    Announcement,
    list_display=("__str__", "audience", "tone", "starts_at", "ends_at", "withdrawn_at"),
    fields=None,
    list_filter=("audience", "tone"),
    search_fields=("text_en", "text_zh"),
)
