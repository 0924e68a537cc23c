"""Rows of the predictions app. They answer questions; what changes them lives in named modules."""

from __future__ import annotations

from predictions.models.catalogue import HostedModel, Price, Version
from predictions.models.files import Output, StoredFile, Upload
from predictions.models.prediction import Phase, Prediction, Status
from predictions.models.work import Beat, Delivery, IdempotencyKey

__all__ = [
    "Beat",
    "Delivery",
    "HostedModel",
    "IdempotencyKey",
    "Output",
    "Phase",
    "Prediction",
    "Price",
    "Status",
    "StoredFile",
    "Upload",
    "Version",
]
