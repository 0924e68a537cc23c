"""Asks an upstream a harmless question: whether it is there and takes the key. So a rested key comes back by itself.

Every service of the kind has `GET /account` or answers 404, which is an answer too. What a question cannot show, an
empty purse at most, is left to the next real start.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import structlog
from django.db import close_old_connections, connection

from predictions.providers.base import ProviderError
from predictions.providers.registry import UnknownProvider
from predictions.providers.replicate.api_client import Api
from predictions.providers.replicate.config import UpstreamConfig
from predictions.providers.replicate.error_classifier import classify, redirected
from predictions.providers.replicate.response_reader import Answer
from predictions.upstreams import circuits, configuration

log = structlog.get_logger(__name__)

PATH = "/account"
CONNECT_S = 5.0
READ_S = 10.0
_PATIENCE_S = 2.0
_TELLS = ("key", "quota", "rate", "transient")


class Prober:
    """The sweep's step: tries resting keys whose time has come, in a thread of its own, one round after another."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Begin a round where something is due; never waits for anybody's answer."""
        if self._thread is not None and self._thread.is_alive():
            return
        if not configuration.any_key():
            return
        names = circuits.due_probes()
        if names:
            self._thread = threading.Thread(target=_round, args=(names,), name="upstream-probes", daemon=True)
            self._thread.start()

    def wait(self, seconds: float = CONNECT_S + READ_S) -> None:
        """Until the round has ended, or so long."""
        if self._thread is not None:
            self._thread.join(seconds)


def _round(names: list[str]) -> None:
    try:
        asyncio.run(_try_all(names))
    except Exception:
        log.exception("upstream_probes_broke")
    finally:
        close_old_connections()


async def _try_all(names: list[str]) -> None:
    await asyncio.gather(*(_try(name) for name in names), return_exceptions=True)


async def _try(name: str) -> None:
    # The database belongs to threads that may block.
    config = await asyncio.to_thread(_claimed, name)
    if config is None:
        return
    error = await _question(config)
    await asyncio.to_thread(_report, name, error)


def _claimed(name: str) -> UpstreamConfig | None:
    """The configuration of a key that is ours to try now."""
    try:
        config = configuration.config(name)
        return config if circuits.claim_probe(name) else None
    except UnknownProvider:
        # Its secret fits no key of this house: nobody can try it until that is mended.
        return None
    finally:
        connection.close()


def _report(name: str, error: ProviderError | None) -> None:
    try:
        if error is None:
            circuits.succeeded(name, question=True)
        else:
            circuits.failed(name, error)
    finally:
        connection.close()


def ask(name: str) -> ProviderError | None:
    """Ask once, now, whatever the circuit's state, and change nothing; None where all is well."""
    try:
        config = configuration.config(name)
    except UnknownProvider:
        return ProviderError("The stored key cannot be read.", permanent=True, refused=True, kind="key")
    return asyncio.run(_question(config, redirects_tell=True))


async def _question(config: UpstreamConfig, *, redirects_tell: bool = False) -> ProviderError | None:
    """`redirects_tell`: a person asks, who can mend the address. By itself a redirect of this one question, to a page
    to sign in perhaps, says nothing of starts.
    """
    quick = replace(config, connect_s=min(config.connect_s, CONNECT_S), read_s=min(config.read_s, READ_S))
    try:
        return await Api(quick).ask(
            "GET", PATH, lambda answer: _verdict(answer, config.secret, redirects_tell), patience=_PATIENCE_S
        )
    except ProviderError as error:
        return error


def _verdict(answer: Answer, secret: str, redirects_tell: bool) -> ProviderError | None:
    """Any answer below 500 shows a living service, unless it is about the key, the purse or the pace."""
    if 300 <= answer.status < 400 and redirects_tell:
        return redirected(answer.status, answer.headers, secret)
    if answer.is_success or 300 <= answer.status < 400:
        return None
    found = classify(answer.status, answer.headers, answer.said, secret)
    kind = found.kind
    if kind not in ("key", "quota", "rate"):
        kind = "transient" if answer.status >= 500 else "key" if answer.status in (401, 403) else kind
    if kind not in _TELLS or answer.status in (404, 405):
        return None
    return ProviderError(
        found.summary,
        permanent=False,
        refused=True,
        retry_after=found.retry_after,
        kind=kind,
        answer=found.answer,
    )
