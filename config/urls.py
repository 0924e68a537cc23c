"""Root URL configuration: mounts the pages and the API dialects."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from accounts.views.security import set_language
from operations.upstream_health import health_page
from predictions.api_dialects.openai.urls import patterns as openai
from predictions.api_dialects.openai.urls import unknown as unknown_to_openai
from predictions.api_dialects.replicate.urls import patterns as replicate
from predictions.api_dialects.replicate.view_wrappers import unknown

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
    path("admin/upstreams/", health_page, name="upstreams_health"),
    path("admin/", include("operations.urls")),
    path("admin/moderation/", include("gallery.moderation.staff_pages.urls")),
    path("admin/", admin.site.urls),
    # Before allauth's: some of its pages are ours.
    path("accounts/", include("accounts.auth.urls")),
    path("accounts/", include("allauth.urls")),
    path("account/", include("accounts.urls")),
    path("payments/", include("accounts.billing.urls")),
    path("api/", include("config.api.urls")),
    path("i18n/setlang/", set_language, name="set_language"),
    path("", include("studio.guide.urls")),
    path("", include("studio.urls")),
    path("", include("gallery.urls")),
]
handler400 = "config.middleware.error_pages.bad_request"
handler403 = "config.middleware.error_pages.denied"
handler404 = "config.middleware.error_pages.not_found"
handler500 = "config.middleware.error_pages.server_error"
