"""Where payment providers tell what happened; mounted at `/payments/`."""

from __future__ import annotations

from django.urls import path

from accounts.payments import views

urlpatterns = [path("<slug:provider>/webhook", views.webhook, name="payment_webhook")]
