"""Addresses of the predictions' share of `/api/`."""

from __future__ import annotations

from django.urls import path

from predictions.api import deliveries, webhooks
from predictions.api.quotes import BatchView, QuotesView

urlpatterns = [
    path("quotes", QuotesView.as_view(), name="api_quotes"),
    path("quotes/batch", BatchView.as_view(), name="api_quotes_batch"),
    *deliveries.urlpatterns,
    *webhooks.urlpatterns,
]
