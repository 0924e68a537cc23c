"""Fetches the webhook signing secret of each upstream that sends webhooks, once; stored encrypted."""

from __future__ import annotations

import asyncio
import threading

import structlog
from django.db import close_old_connections, connection, transaction
from django.db.models import QuerySet

from core import crypto
from predictions.models import Upstream
from predictions.providers import kinds
from predictions.providers.base import ProviderError
from predictions.providers.provider_names import provider_name
from predictions.providers.registry import UnknownProvider
from predictions.providers.upstream import UpstreamConfig
from predictions.upstreams import configuration, webhook_urls

log = structlog.get_logger(__name__)


class Fetcher:
    """Step of the sweep: fetches missing secrets, in a thread of its own."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Start a round where a secret is missing; never waits for responses."""
        if self._thread is not None and self._thread.is_alive():
            return
        missing = wanted()
        if missing:
            self._thread = threading.Thread(target=_round, args=(missing,), name="hook-secrets", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the round's end, at most so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)


def missing() -> QuerySet[Upstream]:
    """Upstreams with webhooks enabled and without a stored secret."""
    return Upstream.objects.filter(
        enabled=True, webhooks=True, webhook_secret="", kind__in=kinds.with_webhooks()
    )


def wanted() -> list[int]:
    """Primary keys of the upstreams whose missing secret can be fetched.

    Only those with one key: keys may belong to several accounts there, and each account has a secret of its own.
    """
    rows = missing().prefetch_related("keys")
    return [row.pk for row in rows if len(row.keys.all()) == 1 and webhook_urls.webhook_url(row.pk)]


def _round(pks: list[int]) -> None:
    try:
        for pk in pks:
            _fetch(pk)
    except Exception:
        log.exception("hook_secrets_broke")
    finally:
        connection.close()
        close_old_connections()


def _fetch(pk: int) -> None:
    key = Upstream.objects.get(pk=pk).keys.get()
    try:
        config = configuration.config(provider_name(key.pk))
        secret = asyncio.run(_request_secret(config))
    except (ProviderError, UnknownProvider) as error:
        log.info("hook_secret_not_told", upstream=pk, reason=str(error))
        return
    if secret:
        with transaction.atomic():
            Upstream.objects.filter(pk=pk, webhook_secret="").update(webhook_secret=crypto.encrypt(secret))


async def _request_secret(config: UpstreamConfig) -> str:
    webhooks = kinds.PROVIDERS[config.kind].webhooks
    return await webhooks.fetch_secret(config) if webhooks is not None else ""
