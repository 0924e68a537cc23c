"""Configured upstream providers, built from database rows. Cached; rows are read again at most once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from django.conf import settings

from core import crypto
from predictions.models import Upstream, UpstreamKey, UpstreamRoute
from predictions.providers import kinds
from predictions.providers.http import rate_limiter
from predictions.providers.provider_names import provider_name
from predictions.providers.registry import UnknownProvider
from predictions.providers.upstream import SAME, FilesMode, Route, UpstreamConfig, UpstreamProvider
from predictions.upstreams import allowed_hosts, webhook_urls

log = structlog.get_logger(__name__)

STALE_S = 1.0
"""Seconds after which a change of the rows is seen in every process."""
_BY_NAME = "-"
_SCALE = 1000


@dataclass(frozen=True)
class _Snapshot:
    """The result of one reading of the rows."""

    marks: tuple[Any, ...] = ()
    enabled: tuple[UpstreamProvider, ...] = ()
    providers: Mapping[str, UpstreamProvider] = field(default_factory=dict)
    configs: Mapping[str, UpstreamConfig] = field(default_factory=dict)


class _State:
    def __init__(self) -> None:
        self.snapshot = _Snapshot()
        self.fresh_until = 0.0
        self.reading = threading.Lock()


_state = _State()


class WholeCatalogue(Mapping[str, Route]):
    """Routes of an upstream that serves everything: each model under its own name, with exceptions.

    An exception of None excludes the model.
    """

    def __init__(self, exceptions: Mapping[str, Route | None]) -> None:
        self._exceptions = dict(exceptions)

    def __getitem__(self, model: str) -> Route:
        route = self._exceptions.get(model, Route(name=model, version=SAME))
        if route is None:
            raise KeyError(model)
        return route

    def __contains__(self, model: object) -> bool:
        return isinstance(model, str) and self._exceptions.get(model, True) is not None

    def __iter__(self) -> Iterator[str]:
        return (model for model, route in self._exceptions.items() if route is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WholeCatalogue) and self._exceptions == other._exceptions

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._exceptions)))


def all_providers() -> list[UpstreamProvider]:
    """Every enabled key of every enabled upstream as a provider, the preferred first; paused and resting ones too."""
    return list(_now().enabled)


def provider(name: str) -> UpstreamProvider:
    """The provider of that name, also a disabled one: what runs there is still watched. Raises `UnknownProvider`."""
    return _snapshot_with(name).providers[name]


def config(name: str) -> UpstreamConfig:
    """That provider's configuration. Raises `UnknownProvider`."""
    return _snapshot_with(name).configs[name]


def _snapshot_with(name: str) -> _Snapshot:
    snapshot = _now()
    if name not in snapshot.providers:
        snapshot = _now(anew=True)
    if name in snapshot.providers:
        return snapshot
    raise UnknownProvider(f"No provider is called {name}.")


def knows(name: str) -> bool:
    """Whether there is a provider of that name: a key whose secret can be read."""
    return name in _now().providers


def any_key() -> bool:
    """Whether there is any upstream with a key, enabled or not."""
    return bool(_now().providers)


def forget() -> None:
    """Drop the cache after a change of the rows in this process."""
    _state.fresh_until = 0.0


def reset() -> None:
    """Reset to the state of a new process; for tests, whose databases come and go."""
    _state.snapshot, _state.fresh_until = _Snapshot(), 0.0


def _now(*, anew: bool = False) -> _Snapshot:
    if not anew and time.monotonic() < _state.fresh_until:
        return _state.snapshot
    # While another thread reads, the previous result is used: no thread waits for another's query.
    if not _state.reading.acquire(blocking=not _state.snapshot.marks):
        return _state.snapshot
    try:
        if anew or time.monotonic() >= _state.fresh_until:
            _state.snapshot = _read(_state.snapshot)
            _state.fresh_until = time.monotonic() + STALE_S
    finally:
        _state.reading.release()
    return _state.snapshot


def _read(snapshot: _Snapshot) -> _Snapshot:
    marks = tuple(Upstream.objects.order_by("priority", "name").values_list("pk", "changed"))
    if marks == snapshot.marks:
        return snapshot
    enabled: list[UpstreamProvider] = []
    providers: dict[str, UpstreamProvider] = {}
    configs: dict[str, UpstreamConfig] = {}
    for upstream in Upstream.objects.order_by("priority", "name").prefetch_related("keys"):
        for key, config in _configs(upstream):
            # The same object as long as nothing changed: it keeps its connections and rate limiter.
            same = snapshot.configs.get(config.name) == config
            provider = snapshot.providers[config.name] if same else kinds.build(config)
            providers[config.name], configs[config.name] = provider, config
            if upstream.enabled and key.enabled:
                enabled.append(provider)
    return _Snapshot(marks, tuple(enabled), providers, configs)


def _configs(upstream: Upstream) -> Iterator[tuple[UpstreamKey, UpstreamConfig]]:
    if upstream.kind not in kinds.PROVIDERS:
        # The others go on: it was added by a newer release.
        log.error("upstream_kind_unknown", upstream=upstream.name, kind=upstream.kind)
        return
    keys = sorted(upstream.keys.all(), key=lambda key: key.pk)
    routes = _routes(upstream)
    weights = sum(key.weight for key in keys if key.enabled) or 1
    for key in keys:
        try:
            secret = crypto.decrypt(key.secret)
        except crypto.NoMatchingKey:
            # The others go on; a system check and the panel name it.
            log.error("upstream_key_unreadable", upstream=upstream.name, key=key.label)
            continue
        yield key, _config(upstream, key, secret, routes, weights)


def _config(
    upstream: Upstream, key: UpstreamKey, secret: str, routes: Mapping[str, Route] | None, weights: int
) -> UpstreamConfig:
    inside = allowed_hosts.is_inside(upstream.url)
    rate_limiter.share_in(settings.UPSTREAM_PACES)
    return UpstreamConfig(
        name=provider_name(key.pk),
        group=upstream.name,
        url=upstream.url.rstrip("/"),
        secret=secret,
        idempotent=upstream.idempotent,
        limit=key.most_in_flight,
        group_limit=upstream.in_flight_limit,
        requests_per_second=upstream.requests_per_second,
        connect_s=upstream.connect_s,
        read_s=upstream.read_s,
        files=cast(FilesMode, upstream.files),
        routes=routes,
        priority=upstream.priority,
        # An upstream's weight is divided among its keys, as whole numbers of at least 1.
        weight=max(1, round(_SCALE * upstream.weight * key.weight / weights)),
        kind=upstream.kind,
        webhook_url=webhook_urls.webhook_url(upstream.pk) if _sends_webhooks(upstream) else "",
        allow_private=inside,
        # An upstream at a public address must not make this server fetch from private ones.
        reach=tuple(allowed_hosts.networks()) if inside else (),
    )


def _sends_webhooks(upstream: Upstream) -> bool:
    return upstream.webhooks and kinds.PROVIDERS[upstream.kind].webhooks is not None


def _routes(upstream: Upstream) -> Mapping[str, Route] | None:
    rows = list(UpstreamRoute.objects.filter(upstream=upstream).select_related("model").order_by("pk"))
    if not upstream.serves_all:
        return {row.model.ref: _route(row) for row in rows if row.enabled}
    exceptions = {row.model.ref: _route(row) if row.enabled else None for row in rows}
    return WholeCatalogue(exceptions) if exceptions else None


def _route(row: UpstreamRoute) -> Route:
    version = "" if row.their_version == _BY_NAME else row.their_version or SAME
    return Route(name=row.their_name or row.model.ref, version=version)
