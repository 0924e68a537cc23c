"""Replicate-compatible services as providers. Plain Python: configuration is passed in, rows live elsewhere."""

from __future__ import annotations

from predictions.providers.upstream.config import SAME, Route, UpstreamConfig
from predictions.providers.upstream.provider import UpstreamProvider

__all__ = ["SAME", "Route", "UpstreamConfig", "UpstreamProvider"]
