"""Addresses of the library and of a member's own pictures."""

from __future__ import annotations

from django.urls import path

from gallery.library import deeds, trashed, views

urlpatterns = [
    path("library/", views.library, name="library"),
    path("library/newer/", views.newer, name="library_newer"),
    path("library/counts/", views.counts, name="library_counts"),
    path("library/measured/", deeds.measured, name="library_measured"),
    path("library/bulk/", deeds.bulk, name="library_bulk"),
    path("library/zip/", deeds.archived, name="library_zip"),
    path("library/restore/", deeds.restore, name="library_restore"),
    path("library/trash/", trashed.trashed, name="library_trash"),
    path("library/lifetime/", trashed.keep_for, name="library_lifetime"),
    path("library/trash/erase/", deeds.erase, name="library_erase"),
    path("library/<slug:public_id>/", views.item, name="library_item"),
    path("library/<slug:public_id>/delete/", views.delete, name="item_delete"),
]
