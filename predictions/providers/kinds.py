"""Upstream kinds by the name stored in `Upstream.kind`: the API that a service speaks and its provider class.

To add one, write a package beside `replicate` with a `ProviderKind` and add it to `PROVIDERS`.
"""

from __future__ import annotations

from predictions.providers import replicate
from predictions.providers.upstream import ProviderKind, UpstreamConfig, UpstreamProvider

DEFAULT = "replicate"
"""The kind of an upstream where none is named."""

PROVIDERS: dict[str, ProviderKind] = {
    "replicate": replicate.KIND,
}


def choices() -> list[tuple[str, str]]:
    """Names and labels, for `Upstream.kind`, forms and commands."""
    return [(name, kind.label) for name, kind in PROVIDERS.items()]


def with_webhooks() -> list[str]:
    """Names of the kinds whose services may be asked for webhooks."""
    return [name for name, kind in PROVIDERS.items() if kind.webhooks is not None]


def build(config: UpstreamConfig) -> UpstreamProvider:
    """The provider for one key of one upstream. Raises KeyError where this release knows no such kind."""
    return PROVIDERS[config.kind].provider(config)
