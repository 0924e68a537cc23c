"""Mounts the pages and the dialects. No behaviour."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from accounts.entrance.language import set_language
from predictions.admin_upstream_health import upstreams
from predictions.dialects.openai.urls import patterns as openai
from predictions.dialects.openai.urls import unknown as unknown_to_openai
from predictions.dialects.replicate.endpoint import unknown
from predictions.dialects.replicate.urls import patterns as replicate

# A create answers as Replicate does at /v1, and as the seeds document it at /replicate/v1. All else is equal.
v1 = replicate("/v1", created=201, waiting=202)
seeds = replicate("/replicate/v1", created=200, waiting=200)
urlpatterns = [
    path("v1/", include((v1, "replicate"), namespace="v1")),
    path("v1", unknown),
    path("replicate/v1", unknown),
    path("replicate/v1/", include((seeds, "replicate"), namespace="seeds")),
    path("openai/v1", unknown_to_openai),
    path("openai/v1/", include((openai(), "openai"), namespace="openai")),
    path("", include("predictions.urls")),
    path("admin/upstreams/", admin.site.admin_view(upstreams), name="upstreams_health"),
    path("admin/", include("gallery.operations.urls")),
    path("admin/moderation/", include("gallery.moderation.desk.urls")),
    path("admin/", admin.site.urls),
    # Before allauth's: some of its pages are ours.
    path("accounts/", include("accounts.entrance.urls")),
    path("accounts/", include("allauth.urls")),
    path("account/", include("accounts.urls")),
    path("payments/", include("accounts.payments.urls")),
    path("api/", include("config.api")),
    path("i18n/setlang/", set_language, name="set_language"),
    path("", include("gallery.guide.urls")),
    path("", include("gallery.urls")),
]
handler400 = "gallery.errors.bad_request"
handler403 = "gallery.errors.denied"
handler404 = "gallery.errors.not_found"
handler500 = "gallery.errors.server_error"
