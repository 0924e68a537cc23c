"""Models of the predictions app. They hold rows and answer questions; code that changes them lives in named modules."""

from __future__ import annotations

from predictions.models.catalogue import Deployment, HostedModel, Price, Version
from predictions.models.figures import FailureDay, FigureDay, QueueLook, UsageDay
from predictions.models.files import Output, Preview, StoredFile, Upload, UploadUse
from predictions.models.policy import Action, BlockedPicture, Classifier, PlanRule, PromptRule, RuleHit
from predictions.models.prediction import MadeHow, Phase, Prediction, Status
from predictions.models.upstreams import Upstream, UpstreamDay, UpstreamKey, UpstreamRoute, UpstreamRun
from predictions.models.work import (
    AccountUsage,
    Beat,
    Delivery,
    DeliveryAttempt,
    IdempotencyKey,
    UnansweredCreate,
)

__all__ = [
    "AccountUsage",
    "Action",
    "Beat",
    "BlockedPicture",
    "Classifier",
    "Delivery",
    "DeliveryAttempt",
    "Deployment",
    "FailureDay",
    "FigureDay",
    "HostedModel",
    "IdempotencyKey",
    "MadeHow",
    "Output",
    "Phase",
    "PlanRule",
    "Prediction",
    "Preview",
    "Price",
    "PromptRule",
    "QueueLook",
    "RuleHit",
    "Status",
    "StoredFile",
    "UnansweredCreate",
    "Upload",
    "UploadUse",
    "Upstream",
    "UpstreamDay",
    "UpstreamKey",
    "UpstreamRoute",
    "UpstreamRun",
    "UsageDay",
    "Version",
]
