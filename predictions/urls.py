"""URLs of output files, of previews of unfinished images, and of upstreams' incoming webhooks."""

from __future__ import annotations

from django.urls import path

from predictions import views
from predictions.upstreams import webhook_view

urlpatterns = [
    path("f/<str:token>/<str:name>", views.output_file, name="output_file"),
    path("hooks/upstream/<str:token>/<str:key>", webhook_view.receive, name="upstream_hook"),
    path("p/<slug:public_id>/preview", views.preview, name="preview"),
]
