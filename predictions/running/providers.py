"""The providers as this installation is configured: settings in, plain objects out."""

from __future__ import annotations

import os
from functools import lru_cache

from django.conf import settings

from predictions.providers.base import Provider
from predictions.providers.registry import EngineConfig, Registry, build_registry


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The registry of this process. The socket and its secret come from the supervisor's environment.

    A process without them (the web server) still knows what can be served; it never calls.
    """
    if not settings.ENGINE["enabled"]:
        return build_registry([])
    socket_path = os.environ.get("DARKROOM_ENGINE_SOCKET") or str(settings.ENGINE["folder"] / "engine.sock")
    secret = os.environ.get("DARKROOM_ENGINE_SECRET", "")
    return build_registry(
        [
            EngineConfig(
                socket_path=socket_path,
                secret=secret,
                slots=settings.ENGINE["slots"],
                conformance=settings.CONFORMANCE,
            )
        ]
    )


def all_providers() -> list[Provider]:
    """Every configured provider, in order of preference."""
    return list(registry())


def provider(name: str) -> Provider:
    """The provider of that name. Raises `UnknownProvider` where the operator took it away."""
    return registry().get(name)
