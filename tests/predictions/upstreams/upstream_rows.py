"""Factories of upstream rows."""

from __future__ import annotations

import itertools
from typing import Any

from core import crypto
from predictions.models import HostedModel, Upstream, UpstreamKey, UpstreamRoute
from predictions.upstreams import key_rotation

_count = itertools.count(1)


def make_upstream(name: str = "", *, keys: int = 1, secret: str = "", **fields: Any) -> Upstream:
    """An upstream at an address of the public network, with so many keys."""
    name = name or f"up{next(_count)}"
    fields.setdefault("url", f"https://{name}.example/v1")
    upstream = Upstream.objects.create(name=name, **fields)
    for number in range(keys):
        make_key(upstream, secret or f"planted-{name}-{number}-0123456789")
    return upstream


def make_key(upstream: Upstream, secret: str = "planted-key-0123456789", **fields: Any) -> UpstreamKey:
    """One more key of an upstream."""
    fields.setdefault("label", f"key{upstream.keys.count() + 1}")
    key = UpstreamKey.objects.create(
        upstream=upstream, secret=crypto.encrypt(secret), hint=key_rotation.hint(secret), **fields
    )
    return key


def make_route(upstream: Upstream, model: HostedModel, **fields: Any) -> UpstreamRoute:
    """How a model is reached at an upstream."""
    route = UpstreamRoute.objects.create(upstream=upstream, model=model, **fields)
    return route
