"""What people do with pictures, for the operator to look at: comments are hidden, reports closed, none written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.desk import HistoryDesk
from accounts.models import User
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
from gallery.social import commenting, reporting


@admin.register(Tag)
class TagDesk(HistoryDesk):
    """Words that pictures are filed under."""

    list_display = ("name", "created_at")
    search_fields = ("name",)
    fields = readonly_fields = ("name", "created_at")


@admin.register(ItemTag)
class ItemTagDesk(HistoryDesk):
    """Which picture has which tag."""

    list_display = ("tag", "item", "listed_at")
    list_select_related = ("tag", "item")
    search_fields = ("tag__name", "=item__public_id")
    fields = readonly_fields = ("tag", "item", "position", "listed_at")


@admin.register(Like)
class LikeDesk(HistoryDesk):
    """Who likes what."""

    list_display = ("user", "item", "created_at")
    list_select_related = ("user", "item")
    search_fields = ("user__username", "=item__public_id")
    fields = readonly_fields = ("user", "item", "recent", "created_at")


@admin.register(Follow)
class FollowDesk(HistoryDesk):
    """Who follows whom."""

    list_display = ("follower", "followed", "created_at")
    list_select_related = ("follower", "followed")
    search_fields = ("follower__username", "followed__username")
    fields = readonly_fields = ("follower", "followed", "created_at")


@admin.register(Comment)
class CommentDesk(HistoryDesk):
    """What was written under pictures. Hiding takes a comment away at once; its author still has their account."""

    list_display = ("text", "user", "item", "state", "created_at")
    list_filter: ClassVar = [
        ("hidden_at", admin.EmptyFieldListFilter), ("removed_at", admin.EmptyFieldListFilter), "created_at",
    ]  # fmt: skip
    list_select_related = ("user", "item")
    search_fields = ("user__username", "=item__public_id", "text")
    fields = readonly_fields = ("text", "user", "item", "removed_at", "hidden_at", "created_at")
    actions = ("hide", "restore")

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        """Who may change comments may hide them."""
        return bool(request.user.has_perm("gallery.change_comment"))

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
        """Hide the chosen comments."""
        tell(self, request, [one for one in chosen if commenting.hide(one)], "Hidden.")

    @admin.action(description=gettext_lazy("Show again"), permissions=["moderate"])
    def restore(self, request: HttpRequest, chosen: QuerySet[Comment]) -> None:
        """Show the chosen comments again."""
        tell(self, request, [one for one in chosen if commenting.restore(one)], "Shown again.")


def tell(desk: HistoryDesk, request: HttpRequest, changed: Sequence[Model], note: str) -> None:
    """Log what an action did to each row, and say to how many."""
    for row in changed:
        desk.log_change(request, row, note)
    words = ngettext("%(n)d row changed.", "%(n)d rows changed.", len(changed)) % {"n": len(changed)}
    desk.message_user(request, words, messages.SUCCESS if changed else messages.WARNING)


@admin.register(Report)
class ReportDesk(HistoryDesk):
    """Complaints, newest first. Closing one says that it was looked at; what it is about is hidden at its own desk."""

    list_display = ("reason", "item", "comment", "collection", "reporter", "state", "created_at")
    list_filter: ClassVar = [("closed_at", admin.EmptyFieldListFilter), "reason", "created_at"]
    list_select_related = ("item", "comment", "collection", "reporter")
    search_fields = ("=item__public_id", "reporter__username", "words")
    fields = readonly_fields = (
        "reason", "words", "item", "comment", "collection", "reporter", "created_at", "closed_at", "closed_by",
    )  # fmt: skip
    actions = ("close",)

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        """Who may change reports may close them."""
        return bool(request.user.has_perm("gallery.change_report"))

    @display(description=gettext_lazy("state"), label={"open": "warning", "closed": "default"})
    def state(self, report: Report) -> tuple[str, str]:
        return ("open", _("open")) if report.closed_at is None else ("closed", _("closed"))

    @admin.action(description=gettext_lazy("Close"), permissions=["moderate"])
    def close(self, request: HttpRequest, chosen: QuerySet[Report]) -> None:
        """Close the chosen reports, in the moderator's name."""
        assert isinstance(request.user, User)
        tell(self, request, [one for one in chosen if reporting.close(one, request.user)], "Closed.")


@admin.register(Collection)
class CollectionDesk(HistoryDesk):
    """Sets of pictures."""

    list_display = ("title", "user", "visibility", "changed_at")
    list_filter = ("visibility", "created_at")
    list_select_related = ("user",)
    search_fields = ("=public_id", "title", "user__username")
    fields = readonly_fields = (
        "title", "description", "user", "account", "visibility", "cover", "published_at", "hidden_at",
        "hidden_reason", "created_at", "changed_at",
    )  # fmt: skip


@admin.register(CollectionItem)
class CollectionItemDesk(HistoryDesk):
    """Which picture stands in which collection."""

    list_display = ("collection", "item", "added_by", "created_at")
    list_select_related = ("collection", "item", "added_by")
    search_fields = ("=collection__public_id", "=item__public_id")
    fields = readonly_fields = ("collection", "item", "place", "added_by", "created_at")


@admin.register(CollectionEditor)
class CollectionEditorDesk(HistoryDesk):
    """Who may change whose collection."""

    list_display = ("collection", "user", "created_at")
    list_select_related = ("collection", "user")
    search_fields = ("=collection__public_id", "user__username")
    fields = readonly_fields = ("collection", "user", "created_at")


@admin.register(Preset)
class PresetDesk(HistoryDesk):
    """Settings that members keep under a name."""

    list_display = ("name", "user", "model", "created_at")
    list_select_related = ("user", "model")
    search_fields = ("name", "user__username")
    fields = readonly_fields = ("name", "user", "model", "values", "created_at")


@admin.register(ReaderChoice)
class ReaderChoiceDesk(HistoryDesk):
    """How members want the gallery to be shown."""

    list_display = ("user", "sensitive")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = readonly_fields = ("user", "sensitive")


@admin.register(SearchRow)
class SearchRowDesk(HistoryDesk):
    """Which pictures stand in the search index."""

    ordering = ("-pk",)
    list_display = ("item", "place")
    list_select_related = ("item",)
    search_fields = ("=item__public_id",)
    fields = readonly_fields = ("item", "place")
