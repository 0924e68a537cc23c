"""URLs of the gallery's pages, and of account pages that are mounted with them."""

from __future__ import annotations

from django.urls import include, path

from accounts.site import banner
from gallery.items import views
from gallery.public import home
from predictions.usage import views as usage_views
from predictions.webhooks import views as webhook_views

urlpatterns = [
    path("", home.home, name="home"),
    path("theme/", home.theme, name="theme"),
    path("p/<slug:public_id>/", views.prediction_redirect, name="prediction"),
    path("account/usage/", usage_views.show, name="account_usage"),
    path("account/usage.csv", usage_views.download, name="account_usage_csv"),
    path("account/webhooks/", webhook_views.webhooks, name="account_webhooks"),
    path("account/webhooks/secret/", webhook_views.secret, name="account_webhook_secret"),
    path("account/webhooks/rotate/", webhook_views.rotate, name="account_webhook_rotate"),
    path("account/webhooks/test/", webhook_views.test, name="account_webhook_test"),
    path("account/webhooks/<str:message_id>/", webhook_views.delivery, name="account_webhook"),
    path("account/webhooks/<str:message_id>/line/", webhook_views.line, name="account_webhook_line"),
    path("account/webhooks/<str:message_id>/resend/", webhook_views.resend, name="account_webhook_resend"),
    path("announcements/<int:pk>/away/", banner.dismiss, name="put_away"),
    path("", include("accounts.notifications.urls")),
    path("", include("gallery.privacy.urls")),
    path("", include("gallery.live.urls")),
    path("", include("gallery.collections.urls")),
    path("", include("gallery.shares.urls")),
    path("", include("gallery.social.urls")),
    path("", include("gallery.moderation.urls")),
    path("", include("gallery.library.urls")),
    path("", include("gallery.public.urls")),
]
