"""Health checks of upstreams: whether one is reachable and accepts the key, so that resting keys recover by themselves.

The request depends on the upstream's kind (`ProviderKind.check_key`).
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import structlog
from django.db import close_old_connections, connection

from predictions.providers import kinds
from predictions.providers.base import ProviderError
from predictions.providers.registry import UnknownProvider
from predictions.providers.upstream import UpstreamConfig
from predictions.upstreams import circuits, configuration

log = structlog.get_logger(__name__)

CONNECT_S = 5.0
READ_S = 10.0


class Prober:
    """Step of the sweep: checks resting keys that are due, in a thread of its own, one round after another."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Start a round where a check is due; never waits for responses."""
        if self._thread is not None and self._thread.is_alive():
            return
        if not configuration.any_key():
            return
        names = circuits.due_probes()
        if names:
            self._thread = threading.Thread(target=_round, args=(names,), name="upstream-probes", daemon=True)
            self._thread.start()

    def wait(self, seconds: float = CONNECT_S + READ_S) -> None:
        """Wait for the round's end, or for so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)


def _round(names: list[str]) -> None:
    try:
        asyncio.run(_check_all(names))
    except Exception:
        log.exception("upstream_probes_broke")
    finally:
        close_old_connections()


async def _check_all(names: list[str]) -> None:
    await asyncio.gather(*(_check_key(name) for name in names), return_exceptions=True)


async def _check_key(name: str) -> None:
    # The database belongs to threads that may block.
    config = await asyncio.to_thread(_claimed, name)
    if config is None:
        return
    error = await _check(config)
    await asyncio.to_thread(_report, name, error)


def _claimed(name: str) -> UpstreamConfig | None:
    """The configuration of a key whose probe this process has claimed."""
    try:
        config = configuration.config(name)
        return config if circuits.claim_probe(name) else None
    except UnknownProvider:
        # No key of DARKROOM_KEYS decrypts its secret: it cannot be tried until that is corrected.
        return None
    finally:
        connection.close()


def _report(name: str, error: ProviderError | None) -> None:
    try:
        if error is None:
            circuits.succeeded(name, is_health_check=True)
        else:
            circuits.failed(name, error)
    finally:
        connection.close()


def check_now(name: str) -> ProviderError | None:
    """Check once, now, whatever the circuit's state, and change nothing; None where all is well."""
    try:
        config = configuration.config(name)
    except UnknownProvider:
        return ProviderError("The stored key cannot be read.", permanent=True, refused=True, kind="key")
    return asyncio.run(_check(config, redirect_is_error=True))


async def _check(config: UpstreamConfig, *, redirect_is_error: bool = False) -> ProviderError | None:
    """The health check of its kind, with shorter time limits than a start's."""
    quick = replace(config, connect_s=min(config.connect_s, CONNECT_S), read_s=min(config.read_s, READ_S))
    return await kinds.PROVIDERS[config.kind].check_key(quick, redirect_is_error=redirect_is_error)
