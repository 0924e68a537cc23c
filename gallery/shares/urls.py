"""Addresses of share links."""

from __future__ import annotations

from django.urls import path

from gallery.shares import views

urlpatterns = [
    path("library/<slug:public_id>/share/", views.share, name="item_share"),
    path("library/<slug:public_id>/share/<int:link_id>/withdraw/", views.withdraw, name="item_withdraw"),
    path("s/<slug:token>/", views.page_of, name="share"),
    path("s/<slug:token>/picture/<slug:size>", views.picture_of, name="share_picture"),
]
