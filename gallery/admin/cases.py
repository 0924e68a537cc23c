"""Admin of moderation cases and bulk hides: search only.

Cases are decided on the moderation pages, linked from each.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.staff.list_search import IndexedSearchAdmin
from core.admin.cells import text_link
from core.admin.columns import Column, link_column, time_column
from core.admin.list_filters import NumberedDateFilter
from core.admin.model_admins import ReadOnlyAdmin, register_read_only
from gallery.models import AccountDeed, Case
from gallery.moderation import reasons


@admin.register(Case)
class CaseAdmin(IndexedSearchAdmin, ReadOnlyAdmin):
    """All cases, open and closed."""

    list_display = (
        "number",
        "kind",
        "about",
        "user_link",
        "reason",
        "count",
        "state",
        "decided_by",
        "opened",
    )
    list_filter: ClassVar = [
        "kind", ("decided_at", admin.EmptyFieldListFilter), "decision", "reason", ("opened_at", NumberedDateFilter),
    ]  # fmt: skip
    list_select_related = ("user", "decided_by")
    search_fields = ("id", "item__public_id", "user__username", "about")
    exactly, by_user, in_newest = ("pk", "item__public_id"), ("user",), ("about",)
    fields = (
        "page_link", "kind", "about", "user_link", "reason", "words", "count", "item", "comment", "collection",
        "sanction", "parent", "opened", "decision", "message_column", "note", "decided_at", "decided_by",
    )  # fmt: skip
    user_link = link_column("user", gettext_lazy("about"))
    opened = time_column("opened_at", gettext_lazy("open since"))

    @display(description=gettext_lazy("case"))
    def number(self, case: Case) -> str:
        return str(case.pk)

    @display(description=gettext_lazy("told to the member"))
    def message_column(self, case: Case) -> str:
        return reasons.display(case.told) or "–"

    @display(description=gettext_lazy("state"), label={"open": "warning", "closed": "default"})
    def state(self, case: Case) -> tuple[str, str]:
        return (
            ("closed", case.get_decision_display()) if case.decision else ("open", str(gettext_lazy("open")))
        )

    @display(description=gettext_lazy("at the desk"))
    def page_link(self, case: Case) -> str:
        return text_link(reverse("moderation_case", args=[case.pk]), _("See it at the desk"))

    def has_view_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return bool(request.user.has_perm("gallery.view_case"))

    def get_fields(self, request: HttpRequest, obj: Case | None = None) -> Any:
        """Hide the reporter's text from the reported person, moderators included."""
        about_self = obj is not None and obj.kind == Case.Kind.REPORT and obj.user_id == request.user.pk
        return tuple(
            name for name in super().get_fields(request, obj) if not (about_self and name == "words")
        )


def _deed_label(deed: AccountDeed) -> str:
    return str(gettext_lazy("hidden") if deed.of_id is None else gettext_lazy("shown again"))


_DEED_COLUMN = Column("what", gettext_lazy("what"), _deed_label)
# Bulk hides and restores of all public pictures of a member.
register_read_only(
    AccountDeed,
    list_display=("user", _DEED_COLUMN, "reason", "changed", "made_by", "created_at", "done_at"),
    fields=("user", _DEED_COLUMN, "reason", "changed", "case", "made_by", "created_at", "done_at"),
    list_select_related=("user", "made_by", "of"),
    list_filter=(("done_at", admin.EmptyFieldListFilter), "created_at"),
    search_fields=("user__username", "reason"),
)
