"""Addresses of the gallery's share of `/api/`."""

from __future__ import annotations

from django.urls import path

from gallery.api.items import ItemPictureView, ItemsView, ItemView, PublishView, UnpublishView
from gallery.api.public import GalleryItemView, GalleryPictureView, GalleryView
from gallery.api.shares import ItemSharesView, SharesView, ShareView

urlpatterns = [
    path("items", ItemsView.as_view(), name="api_items"),
    path("items/<str:item_id>", ItemView.as_view(), name="api_item"),
    path("items/<str:item_id>/publish", PublishView.as_view(), name="api_item_publish"),
    path("items/<str:item_id>/unpublish", UnpublishView.as_view(), name="api_item_unpublish"),
    path("items/<str:item_id>/shares", ItemSharesView.as_view(), name="api_item_shares"),
    path("items/<str:item_id>/picture/<str:size>", ItemPictureView.as_view(), name="api_item_picture"),
    path("shares", SharesView.as_view(), name="api_shares"),
    path("shares/<int:share_id>", ShareView.as_view(), name="api_share"),
    path("gallery", GalleryView.as_view(), name="api_gallery"),
    path("gallery/<str:item_id>", GalleryItemView.as_view(), name="api_gallery_item"),
    path(
        "gallery/<str:item_id>/picture/<str:size>", GalleryPictureView.as_view(), name="api_gallery_picture"
    ),
]
