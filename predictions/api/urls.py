"""URLs of the predictions endpoints under `/api/`."""

from __future__ import annotations

from django.urls import path

from predictions.api import deliveries, webhooks
from predictions.api.catalogue import ModelsView, ModelView
from predictions.api.predictions import CancelView, PredictionsView, PredictionView
from predictions.api.quotes import BatchView, QuotesView
from predictions.api.usage import UsageView

urlpatterns = [
    path("quotes", QuotesView.as_view(), name="api_quotes"),
    path("quotes/batch", BatchView.as_view(), name="api_quotes_batch"),
    *deliveries.urlpatterns,
    *webhooks.urlpatterns,
    path("predictions", PredictionsView.as_view(), name="api_predictions"),
    path("predictions/<str:prediction_id>", PredictionView.as_view(), name="api_prediction"),
    path("predictions/<str:prediction_id>/cancel", CancelView.as_view(), name="api_prediction_cancel"),
    path("usage", UsageView.as_view(), name="api_usage"),
    path("models", ModelsView.as_view(), name="api_models"),
    path("models/<str:owner>/<str:name>", ModelView.as_view(), name="api_model"),
]
