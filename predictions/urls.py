"""Addresses of output files, and of looks at those that are still being made."""

from __future__ import annotations

from django.urls import path

from predictions import previews, views

urlpatterns = [
    path("f/<str:token>/<str:name>", views.output_file, name="output_file"),
    path("p/<slug:public_id>/preview", previews.preview, name="preview"),
]
