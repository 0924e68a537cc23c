"""Replicate-compatible services as providers. Plain Python: configuration is passed in, rows live elsewhere."""

from __future__ import annotations

from predictions.providers.replicate.config import SAME, Route, UpstreamConfig
from predictions.providers.replicate.provider import UpstreamProvider

__all__ = ["SAME", "Route", "UpstreamConfig", "UpstreamProvider"]
