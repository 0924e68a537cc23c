"""What people do with pictures, for the operator to look at: nothing here is added or changed by hand."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from accounts.desk import HistoryDesk
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
    """What was written under pictures."""

    list_display = ("text", "user", "item", "created_at")
    list_filter: ClassVar = [("hidden_at", admin.EmptyFieldListFilter), "created_at"]
    list_select_related = ("user", "item")
    search_fields = ("user__username", "=item__public_id", "text")
    fields = readonly_fields = ("text", "user", "item", "removed_at", "hidden_at", "created_at")


@admin.register(Report)
class ReportDesk(HistoryDesk):
    """Complaints, newest first."""

    list_display = ("reason", "item", "comment", "collection", "reporter", "created_at")
    list_filter: ClassVar = [("closed_at", admin.EmptyFieldListFilter), "reason", "created_at"]
    list_select_related = ("item", "comment", "collection", "reporter")
    search_fields = ("=item__public_id", "reporter__username", "words")
    fields = readonly_fields = (
        "reason", "words", "item", "comment", "collection", "reporter", "created_at", "closed_at", "closed_by",
    )  # fmt: skip


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
