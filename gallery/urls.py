"""Addresses of the pages."""

from __future__ import annotations

from django.urls import include, path

from gallery.operations import banner
from gallery.views import home, prediction, usage, webhooks

urlpatterns = [
    path("", home.home, name="home"),
    path("theme/", home.theme, name="theme"),
    path("p/<slug:public_id>/", prediction.prediction, name="prediction"),
    path("account/usage/", usage.show, name="account_usage"),
    path("account/usage.csv", usage.download, name="account_usage_csv"),
    path("account/webhooks/", webhooks.webhooks, name="account_webhooks"),
    path("account/webhooks/secret/", webhooks.secret, name="account_webhook_secret"),
    path("account/webhooks/rotate/", webhooks.rotate, name="account_webhook_rotate"),
    path("account/webhooks/test/", webhooks.test, name="account_webhook_test"),
    path("account/webhooks/<str:message_id>/", webhooks.delivery, name="account_webhook"),
    path("account/webhooks/<str:message_id>/line/", webhooks.line, name="account_webhook_line"),
    path("account/webhooks/<str:message_id>/resend/", webhooks.resend, name="account_webhook_resend"),
    path("announcements/<int:pk>/away/", banner.put_away, name="put_away"),
    path("", include("gallery.notices.urls")),
    path("", include("gallery.leaving.urls")),
    path("", include("gallery.studio.urls")),
    path("", include("gallery.live.urls")),
    path("", include("gallery.collections.urls")),
    path("", include("gallery.shares.urls")),
    path("", include("gallery.social.urls")),
    path("", include("gallery.moderation.urls")),
    path("", include("gallery.library.urls")),
    path("", include("gallery.public.urls")),
]
