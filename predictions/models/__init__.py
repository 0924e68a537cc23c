"""Rows of the predictions app. They answer questions; what changes them lives in named modules."""

from __future__ import annotations

from predictions.models.catalogue import Deployment, HostedModel, Price, Version
from predictions.models.files import Output, Preview, StoredFile, Upload
from predictions.models.prediction import MadeHow, Phase, Prediction, Status
from predictions.models.upstreams import Upstream, UpstreamDay, UpstreamKey, UpstreamRoute, UpstreamRun
from predictions.models.work import Beat, Delivery, DeliveryAttempt, IdempotencyKey, UnansweredCreate

__all__ = [
    "Beat",
    "Delivery",
    "DeliveryAttempt",
    "Deployment",
    "HostedModel",
    "IdempotencyKey",
    "MadeHow",
    "Output",
    "Phase",
    "Prediction",
    "Preview",
    "Price",
    "Status",
    "StoredFile",
    "UnansweredCreate",
    "Upload",
    "Upstream",
    "UpstreamDay",
    "UpstreamKey",
    "UpstreamRoute",
    "UpstreamRun",
    "Version",
]
