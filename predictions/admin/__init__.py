"""Admin pages of the predictions app; importing this package registers them."""

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
