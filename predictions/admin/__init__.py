"""Admin of predictions, models, prices, upstreams and rules: registered as Django imports this package."""

from __future__ import annotations

from predictions.admin import (
    catalogue,
    deployments,
    image_safety,
    internals,
    policy,
    predictions,
    prices,
    run_history,
    upstreams,
    usage,
    webhooks,
)

__all__ = [
    "catalogue",
    "deployments",
    "image_safety",
    "internals",
    "policy",
    "predictions",
    "prices",
    "run_history",
    "upstreams",
    "usage",
    "webhooks",
]
