"""URLs of the live updates."""

from __future__ import annotations

from django.urls import path

from gallery.live import views

urlpatterns = [
    path("live/", views.events, name="live_events"),
]
