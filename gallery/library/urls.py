"""URLs of the library and of a member's own items."""

from __future__ import annotations

from django.urls import path

from gallery.library import bulk_actions, trash_views, views

urlpatterns = [
    path("library/", views.library, name="library"),
    path("library/newer/", views.newer, name="library_newer"),
    path("library/counts/", views.counts, name="library_counts"),
    path("library/measured/", bulk_actions.selection_size, name="library_measured"),
    path("library/bulk/", bulk_actions.bulk, name="library_bulk"),
    path("library/zip/", bulk_actions.download_zip, name="library_zip"),
    path("library/restore/", bulk_actions.restore, name="library_restore"),
    path("library/trash/", trash_views.trash_page, name="library_trash"),
    path("library/lifetime/", trash_views.set_lifetime, name="library_lifetime"),
    path("library/trash/erase/", bulk_actions.erase, name="library_erase"),
    path("library/<slug:public_id>/", views.item, name="library_item"),
    path("library/<slug:public_id>/delete/", views.delete, name="item_delete"),
]
