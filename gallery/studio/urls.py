"""Addresses of the studio."""

from __future__ import annotations

from django.urls import path

from gallery.studio import desk, views

urlpatterns = [
    path("studio/", views.studio, name="studio"),
    path("studio/make/", views.make, name="studio_make"),
    path("studio/form/", desk.form, name="studio_form"),
    path("studio/quote/", desk.quote, name="studio_quote"),
    path("studio/live/", views.live, name="studio_live"),
    path("studio/<slug:public_id>/cancel/", views.cancel, name="studio_cancel"),
    path("studio/<slug:public_id>/again/", views.again, name="studio_again"),
]
