"""Addresses of the library and of a member's own pictures."""

from __future__ import annotations

from django.urls import path

from gallery.library import views

urlpatterns = [
    path("library/", views.library, name="library"),
    path("library/<slug:public_id>/", views.item, name="library_item"),
    path("library/<slug:public_id>/delete/", views.delete, name="item_delete"),
]
