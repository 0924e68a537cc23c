"""URL patterns of payment webhooks, mounted at `/payments/`."""

from __future__ import annotations

from django.urls import path

from accounts.views import purchases

urlpatterns = [path("<slug:provider>/webhook", purchases.webhook, name="payment_webhook")]
