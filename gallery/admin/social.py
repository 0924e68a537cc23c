"""Admin of comments, reports, collections, tags, likes and follows.

Comments and collections can be hidden and reports closed; nothing is created or edited here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext
from unfold.decorators import display

from accounts.models import User
from core.admin.columns import link_column
from core.admin.decorators import permission_check
from core.admin.forms import ReasonForm, ask_page
from core.admin.model_admins import ReadOnlyAdmin, register_read_only
from gallery.models import (
    Collection,
    CollectionEditor,
    CollectionItem,
    Comment,
    Follow,
    ItemTag,
    Like,
    Preset,
    ReaderChoice,
    Report,
    SearchRow,
    Tag,
)
from gallery.moderation import cases, decisions

# Tags of pictures.
register_read_only(
    Tag,
    list_display=("name", "created_at"),
    search_fields=("name",),
)

# Which item has which tag.
register_read_only(
    ItemTag,
    list_display=("tag", "item", "listed_at"),
    fields=("tag", "item", "position", "listed_at"),
    search_fields=("tag__name", "=item__public_id"),
)

# Which user likes which item.
register_read_only(
    Like,
    list_display=("user", "item", "created_at"),
    fields=("user", "item", "recent", "created_at"),
    search_fields=("user__username", "=item__public_id"),
)

# Which user follows which.
register_read_only(
    Follow,
    list_display=("follower", "followed", "created_at"),
    search_fields=("follower__username", "followed__username"),
)


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    """Comments. Hiding one takes effect at once; its author's account is not affected."""

    list_display = ("text", "user", "item", "state", "created_at")
    list_filter: ClassVar = [
        ("hidden_at", admin.EmptyFieldListFilter), ("removed_at", admin.EmptyFieldListFilter), "created_at",
    ]  # fmt: skip
    list_select_related = ("user", "item")
    search_fields = ("user__username", "=item__public_id", "text")
    fields = ("text", "user", "item", "removed_at", "hidden_at", "created_at")
    actions = ("hide", "restore")
    has_moderate_permission = permission_check("gallery.change_comment")

    @display(
        description=gettext_lazy("state"),
        label={"hidden": "danger", "removed": "default", "shown": "success"},
    )
    def state(self, comment: Comment) -> tuple[str, str]:
        if comment.hidden_at is not None:
            return "hidden", _("hidden")
        return ("removed", _("removed")) if comment.removed_at is not None else ("shown", _("shown"))

    @admin.action(description=gettext_lazy("Hide"), permissions=["moderate"])
    def hide(self, request: HttpRequest, chosen: QuerySet[Comment]) -> None:
        """Hide the selected comments."""
        assert isinstance(request.user, User)
        rows = list(chosen.select_related("item", "user"))
        cases = decisions.hide_directly(rows, request.user, "")
        report_changes(self, request, [case.comment for case in cases if case.comment is not None], "Hidden.")

    @admin.action(description=gettext_lazy("Show again"), permissions=["moderate"])
    def restore(self, request: HttpRequest, chosen: QuerySet[Comment]) -> None:
        """Restore the selected comments."""
        assert isinstance(request.user, User)
        moderator, rows = request.user, chosen.select_related("item", "user")
        report_changes(
            self,
            request,
            [comment for comment in rows if decisions.restore_directly(comment, moderator)],
            "Shown again.",
        )


def report_changes(
    model_admin: ReadOnlyAdmin, request: HttpRequest, changed: Sequence[Model], note: str
) -> None:
    """Log `note` for each changed row, and show how many there were."""
    for row in changed:
        model_admin.log_change(request, row, note)
    words = ngettext("%(n)d row changed.", "%(n)d rows changed.", len(changed)) % {"n": len(changed)}
    model_admin.message_user(request, words, messages.SUCCESS if changed else messages.WARNING)


def allow_reported(model_admin: ReadOnlyAdmin, request: HttpRequest, reports: QuerySet[Report]) -> None:
    """Decide the cases of these open reports as "let stand", and show how many were decided."""
    assert isinstance(request.user, User)
    reported = cases.for_reports(reports)
    decided = decisions.allow_directly(reported, request.user)
    words = ngettext("%(n)d case decided.", "%(n)d cases decided.", len(decided)) % {"n": len(decided)}
    if len(decided) < len(reported):
        others = len(reported) - len(decided)
        note = ngettext(
            "%(n)d stays as it was: decided already, or not yours.",
            "%(n)d stay as they were: decided already, or not yours.",
            others,
        )
        words = f"{words} {note % {'n': others}}"
    model_admin.message_user(request, words, messages.SUCCESS if decided else messages.WARNING)


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """Reports, newest first. Closing one decides its whole case as "let stand", as the moderation page does."""

    list_display = ("reason", "item", "comment", "collection", "reporter", "state", "case_link", "created_at")
    list_filter: ClassVar = [("closed_at", admin.EmptyFieldListFilter), "reason", "created_at"]
    list_select_related = ("item", "comment", "collection", "reporter", "case")
    search_fields = ("=item__public_id", "reporter__username", "words")
    fields = (
        "reason", "words", "item", "comment", "collection", "reporter", "case_link", "created_at", "closed_at",
        "closed_by", "told",
    )  # fmt: skip
    actions = ("close",)
    case_link = link_column("case", gettext_lazy("case"))
    has_moderate_permission = permission_check("gallery.decide_case")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        """Hide reports from the person reported, moderators included; superusers see all."""
        rows: QuerySet[Report] = super().get_queryset(request)
        user = request.user
        if not isinstance(user, User) or user.is_superuser:
            return rows
        return rows.exclude(item__user=user).exclude(comment__user=user).exclude(collection__user=user)

    @display(description=gettext_lazy("state"), label={"open": "warning", "closed": "default"})
    def state(self, report: Report) -> tuple[str, str]:
        return ("open", pgettext("report", "open")) if report.closed_at is None else ("closed", _("closed"))

    @admin.action(
        description=gettext_lazy("Close: let stand what they are about, for all who reported it"),
        permissions=["moderate"],
    )
    def close(self, request: HttpRequest, chosen: QuerySet[Report]) -> None:
        """Decide the cases of the selected reports as "let stand", in the moderator's name."""
        allow_reported(self, request, chosen.filter(closed_at__isnull=True))


@admin.register(Collection)
class CollectionAdmin(ReadOnlyAdmin):
    """Collections. Hiding one closes its public page and its share links at once; its pictures are not
    affected."""

    list_display = ("title", "user", "state", "complaints", "hidden_reason", "changed_at")
    list_filter: ClassVar = [("hidden_at", admin.EmptyFieldListFilter), "visibility", "created_at"]
    list_select_related = ("user",)
    search_fields = ("=public_id", "title", "user__username")
    fields = (
        "title", "description", "user", "account", "visibility", "cover", "published_at", "hidden_at",
        "hidden_reason", "complaints", "created_at", "changed_at",
    )  # fmt: skip
    actions = ("hide", "restore", "close_reports")
    has_moderate_permission = permission_check("gallery.change_collection")
    has_close_permission = permission_check("gallery.decide_case")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        """Annotate each collection with its number of open reports."""
        open_reports = Count("reports", filter=Q(reports__closed_at__isnull=True))
        return super().get_queryset(request).annotate(open_reports=open_reports)

    @display(description=gettext_lazy("open reports"), ordering="open_reports")
    def complaints(self, collection: Collection) -> int:
        return int(getattr(collection, "open_reports", 0))

    @display(
        description=gettext_lazy("state"),
        label={"hidden": "danger", "public": "success", "unlisted": "default", "private": "default"},
    )
    def state(self, collection: Collection) -> tuple[str, str]:
        if collection.hidden_at is not None:
            return "hidden", _("hidden")
        return collection.visibility, collection.get_visibility_display()

    @admin.action(description=gettext_lazy("Hide, with a reason"), permissions=["moderate"])
    def hide(self, request: HttpRequest, chosen: QuerySet[Collection]) -> HttpResponse | None:
        """Ask for the reason, then hide the selected collections."""
        form = ReasonForm(request.POST if "answered" in request.POST else None)
        if not form.is_valid():
            words = _(
                "Their public pages and share links are gone at once; the pictures in them stay. "
                "The owner reads the reason."
            )
            title = _("Hide")
            return ask_page(
                self, request, form, title=title, words=words, button=title, chosen=chosen, action="hide"
            )
        reason = form.cleaned_data["reason"]
        assert isinstance(request.user, User)
        cases = decisions.hide_directly(list(chosen), request.user, reason)
        hidden = [case.collection for case in cases if case.collection is not None]
        report_changes(self, request, hidden, f"Hidden: {reason}")
        return None

    @admin.action(description=gettext_lazy("Show again"), permissions=["moderate"])
    def restore(self, request: HttpRequest, chosen: QuerySet[Collection]) -> None:
        """Restore the selected collections to their former visibility."""
        assert isinstance(request.user, User)
        moderator = request.user
        report_changes(
            self,
            request,
            [collection for collection in chosen if decisions.restore_directly(collection, moderator)],
            "Shown again.",
        )

    @admin.action(description=gettext_lazy("Close their reports: let them stand"), permissions=["close"])
    def close_reports(self, request: HttpRequest, chosen: QuerySet[Collection]) -> None:
        """Decide the cases of all open reports about the selected collections as "let stand", in the
        moderator's name."""
        allow_reported(self, request, Report.objects.filter(collection__in=chosen, closed_at__isnull=True))


# Which item is in which collection.
register_read_only(
    CollectionItem,
    list_display=("collection", "item", "added_by", "created_at"),
    fields=("collection", "item", "place", "added_by", "created_at"),
    search_fields=("=collection__public_id", "=item__public_id"),
)

# Which users may edit which collection.
register_read_only(
    CollectionEditor,
    list_display=("collection", "user", "created_at"),
    search_fields=("=collection__public_id", "user__username"),
)

# Form settings that members saved under a name.
register_read_only(
    Preset,
    list_display=("name", "user", "model", "created_at"),
    fields=("name", "user", "model", "values", "created_at"),
    search_fields=("name", "user__username"),
)

# How members want sensitive pictures shown.
register_read_only(
    ReaderChoice,
    list_display=("user", "sensitive"),
    search_fields=("user__username",),
)

# Which items are in the search index.
register_read_only(
    SearchRow,
    list_display=("item", "place"),
    search_fields=("=item__public_id",),
)
