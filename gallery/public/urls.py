"""Addresses of the public gallery."""

from __future__ import annotations

from django.urls import path

from gallery.public import publishing, views

urlpatterns = [
    path("library/<slug:public_id>/publish/", publishing.publish, name="item_publish"),
    path("library/<slug:public_id>/unpublish/", publishing.unpublish, name="item_unpublish"),
    path("gallery/", views.gallery, name="gallery"),
    path("gallery/<slug:public_id>/", views.item, name="gallery_item"),
    path("gallery/<slug:public_id>/picture/<slug:size>", views.picture, name="item_picture"),
]
