"""Addresses of the studio."""

from __future__ import annotations

from django.urls import path

from gallery.studio import desk, inputs_views, views

urlpatterns = [
    path("studio/", views.studio, name="studio"),
    path("studio/make/", views.make, name="studio_make"),
    path("studio/form/", desk.form, name="studio_form"),
    path("studio/quote/", desk.quote, name="studio_quote"),
    path("studio/upload/", inputs_views.upload, name="studio_upload"),
    path("studio/file/<slug:public_id>/", inputs_views.file, name="studio_file"),
    path("studio/use/<slug:public_id>/", inputs_views.use, name="studio_use"),
    path("studio/shelf/", inputs_views.shelf, name="studio_shelf"),
    path("studio/seed/", inputs_views.seed, name="studio_seed"),
    path("studio/live/", views.live, name="studio_live"),
    path("studio/<slug:public_id>/cancel/", views.cancel, name="studio_cancel"),
    path("studio/<slug:public_id>/again/", views.again, name="studio_again"),
]
