"""HTTP for upstreams of every kind: connections, pace, answers read within limits, errors classified, files fetched."""

from __future__ import annotations
