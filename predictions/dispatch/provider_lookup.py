"""The providers as this installation is configured: rows and settings in, plain objects out."""

from __future__ import annotations

import os
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from engine.local.config.settings_file import LocalSettings, load
from engine.local.config.settings_table import LocalSettingsError
from predictions.providers.base import Provider
from predictions.providers.provider_names import is_upstream
from predictions.providers.registry import (
    EngineConfig,
    LocalConfig,
    Registry,
    UnknownProvider,
    build_registry,
)
from predictions.upstreams import configuration


@lru_cache(maxsize=1)
def registry() -> Registry:
    """The engines of this process, and the local weights. Sockets and secrets come from the supervisor's environment.

    A process without them (the web server) still knows what can be served; it never calls.
    """
    return build_registry([_engine()] if settings.ENGINE["enabled"] else [], _local())


def _engine() -> EngineConfig:
    return EngineConfig(
        socket_path=os.environ.get("DARKROOM_ENGINE_SOCKET")
        or str(settings.ENGINE["folder"] / "engine.sock"),
        secret=os.environ.get("DARKROOM_ENGINE_SECRET", ""),
        slots=settings.ENGINE["slots"],
        conformance=settings.CONFORMANCE,
    )


def _local() -> LocalConfig | None:
    try:
        found = local_settings()
    except LocalSettingsError as error:
        raise ImproperlyConfigured(f"DARKROOM_LOCAL_MODELS: {error}") from None
    if found is None:
        return None
    return LocalConfig(
        socket_path=os.environ.get("DARKROOM_LOCAL_SOCKET") or str(settings.LOCAL["folder"] / "local.sock"),
        secret=os.environ.get("DARKROOM_LOCAL_SECRET", ""),
        devices=len(found.devices),
        models=found.names,
        keeps_its_models=found.embedded == "never",
    )


def local_settings() -> LocalSettings | None:
    """The operator's file of local models, read now; None where none is named. Raises `LocalSettingsError`."""
    path = settings.LOCAL["models"]
    return load(path) if path is not None else None


def all_providers() -> list[Provider]:
    """Every provider that may get new work, in order of preference: the enabled upstreams, local weights, the engines.

    May query the database, so never call it on an event loop.
    """
    return [*configuration.all_providers(), *registry()]


def upstream_names() -> set[str]:
    """The upstreams that may get new work, each once, however many keys it has. May query the database."""
    return {provider.group for provider in configuration.all_providers()}


def provider(name: str) -> Provider:
    """The provider of that name, also one that gets no new work. Raises `UnknownProvider` where it was removed.

    May query the database, so never call it on an event loop.
    """
    return configuration.provider(name) if is_upstream(name) else registry().get(name)


def fetches_inputs(name: str) -> bool:
    """`Provider.fetches_inputs` of the provider of that name; True for a removed upstream.

    May query the database.
    """
    try:
        return provider(name).fetches_inputs
    except UnknownProvider:
        return is_upstream(name)


def shown_name(name: str) -> str | None:
    """A provider's name as members see it: the upstream's name, `local` or `embedded`; None where there is none."""
    if not name:
        return None
    if not is_upstream(name):
        return name
    try:
        return configuration.provider(name).group
    except UnknownProvider:
        return None
