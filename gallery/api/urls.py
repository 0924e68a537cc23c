"""URLs of the gallery's endpoints under `/api/`."""

from __future__ import annotations

from django.urls import path

from accounts.api.news import AnnouncementsView
from accounts.api.notices import NoticesReadView, NoticesView
from gallery.api.appeals import AppealsView, DecisionsView
from gallery.api.collection_items import CollectionItemsView, CollectionItemView, OpenCollectionItemsView
from gallery.api.collections import CollectionsView, CollectionView, EditorView
from gallery.api.items import ItemPictureView, ItemsView, ItemView, PublishView, UnpublishView
from gallery.api.privacy import ClosureView, ExportDownloadView, ExportsView, ExportView
from gallery.api.public import FeedView, GalleryItemView, GalleryPictureView, GalleryView
from gallery.api.shares import CollectionSharesView, ItemSharesView, SharesView, ShareView
from gallery.api.social import (
    CommentsView,
    CommentView,
    FollowsView,
    FollowView,
    LikesView,
    LikeView,
    ReportsView,
)
from gallery.api.trash import BulkView, RestoreItemView, StorageView, TrashItemView, TrashView

_COLLECTION = "collections/<str:collection_id>"

urlpatterns = [
    path("exports", ExportsView.as_view(), name="api_exports"),
    path("exports/<str:export_id>", ExportView.as_view(), name="api_export"),
    path("exports/<str:export_id>/download", ExportDownloadView.as_view(), name="api_export_download"),
    path("closure", ClosureView.as_view(), name="api_closure"),
    path("announcements", AnnouncementsView.as_view(), name="api_announcements"),
    path("notices", NoticesView.as_view(), name="api_notices"),
    path("notices/read", NoticesReadView.as_view(), name="api_notices_read"),
    path("items", ItemsView.as_view(), name="api_items"),
    path("items/bulk", BulkView.as_view(), name="api_items_bulk"),
    path("items/<str:item_id>", ItemView.as_view(), name="api_item"),
    path("items/<str:item_id>/publish", PublishView.as_view(), name="api_item_publish"),
    path("items/<str:item_id>/unpublish", UnpublishView.as_view(), name="api_item_unpublish"),
    path("items/<str:item_id>/trash", TrashItemView.as_view(), name="api_item_trash"),
    path("items/<str:item_id>/restore", RestoreItemView.as_view(), name="api_item_restore"),
    path("items/<str:item_id>/shares", ItemSharesView.as_view(), name="api_item_shares"),
    path("items/<str:item_id>/picture/<str:size>", ItemPictureView.as_view(), name="api_item_picture"),
    path("trash", TrashView.as_view(), name="api_trash"),
    path("storage", StorageView.as_view(), name="api_storage"),
    path("shares", SharesView.as_view(), name="api_shares"),
    path("shares/<int:share_id>", ShareView.as_view(), name="api_share"),
    path("collections", CollectionsView.as_view(), name="api_collections"),
    path(_COLLECTION, CollectionView.as_view(), name="api_collection"),
    path(f"{_COLLECTION}/items", CollectionItemsView.as_view(), name="api_collection_items"),
    path(f"{_COLLECTION}/items/<str:item_id>", CollectionItemView.as_view(), name="api_collection_item"),
    path(f"{_COLLECTION}/editors/<str:username>", EditorView.as_view(), name="api_collection_editor"),
    path(f"{_COLLECTION}/shares", CollectionSharesView.as_view(), name="api_collection_shares"),
    path("feed", FeedView.as_view(), name="api_feed"),
    path("likes", LikesView.as_view(), name="api_likes"),
    path("likes/<str:item_id>", LikeView.as_view(), name="api_like"),
    path("follows", FollowsView.as_view(), name="api_follows"),
    path("follows/<str:username>", FollowView.as_view(), name="api_follow"),
    path("comments/<int:comment_id>", CommentView.as_view(), name="api_comment"),
    path("decisions", DecisionsView.as_view(), name="api_decisions"),
    path("appeals", AppealsView.as_view(), name="api_appeals"),
    path("reports", ReportsView.as_view(), name="api_reports"),
    path("gallery", GalleryView.as_view(), name="api_gallery"),
    path(
        "gallery/collections/<str:collection_id>",
        OpenCollectionItemsView.as_view(),
        name="api_open_collection",
    ),
    path("gallery/<str:item_id>", GalleryItemView.as_view(), name="api_gallery_item"),
    path("gallery/<str:item_id>/comments", CommentsView.as_view(), name="api_comments"),
    path(
        "gallery/<str:item_id>/picture/<str:size>", GalleryPictureView.as_view(), name="api_gallery_picture"
    ),
]
