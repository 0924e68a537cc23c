"""Registry of configured providers, by name and by model.

Configuration is passed in, never read from settings or the environment: the process that builds a registry decides
which engines and upstreams it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.published_models import served_models
from predictions.providers.base import Provider
from predictions.providers.embedded import EmbeddedEngine
from predictions.providers.local import LocalWeights


@dataclass(frozen=True)
class EngineConfig:
    """Address and secret of an embedded engine. Engines of two machines are two providers with different names."""

    socket_path: str
    secret: str
    slots: int
    """Jobs that it runs at once; at least 1."""
    name: str = "embedded"
    conformance: bool = False
    """Whether it serves the fixture models too."""

    def __repr__(self) -> str:
        """Without the secret, because configurations end up in logs."""
        return f"EngineConfig(name={self.name!r}, socket_path={self.socket_path!r}, slots={self.slots})"


@dataclass(frozen=True)
class LocalConfig:
    """Address of the service of local weights, and its models."""

    socket_path: str
    secret: str
    devices: int
    """Jobs that it works on at once."""
    models: frozenset[str]
    keeps_its_models: bool = True

    def __repr__(self) -> str:
        """Without the secret."""
        return f"LocalConfig(socket_path={self.socket_path!r}, devices={self.devices})"


class UnknownProvider(LookupError):
    """No provider is configured under this name (any more)."""


class Registry:
    """The configured providers, in order of preference."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        """Raises `ValueError` where two share a name."""
        self._providers: dict[str, Provider] = {}
        for provider in providers:
            if provider.name in self._providers:
                raise ValueError(f"Two providers are called {provider.name}.")
            self._providers[provider.name] = provider

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._providers.values())

    def get(self, name: str) -> Provider:
        """The provider called `name`. Raises `UnknownProvider`."""
        try:
            return self._providers[name]
        except KeyError:
            raise UnknownProvider(f"No provider is called {name}.") from None

    def serving(self, model: str) -> list[Provider]:
        """Every provider that serves `owner/name`, the preferred first; empty where there is none."""
        return [provider for provider in self if provider.serves(model)]


def build_registry(engines: Iterable[EngineConfig], local: LocalConfig | None = None) -> Registry:
    """A registry of embedded engines, preceded by the service of local weights where there is one."""
    weights = [local_weights(local)] if local is not None else []
    return Registry([*weights, *(embedded_engine(config) for config in engines)])


def local_weights(config: LocalConfig) -> LocalWeights:
    """The provider for the service of local weights."""
    return LocalWeights(
        socket_path=config.socket_path,
        secret=config.secret,
        limit=config.devices,
        models=config.models,
        keeps_its_models=config.keeps_its_models,
    )


def embedded_engine(config: EngineConfig) -> EmbeddedEngine:
    """The provider for one engine, serving every model that this release's engine knows."""
    return EmbeddedEngine(
        name=config.name,
        socket_path=config.socket_path,
        secret=config.secret,
        limit=config.slots,
        models=served_models(config.conformance),
    )
