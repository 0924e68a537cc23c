"""Asks upstreams that send us webhooks for the secret that they sign them with, once; kept encrypted."""

from __future__ import annotations

import asyncio
import base64
import binascii
import threading

import structlog
from django.db import close_old_connections, connection, transaction
from django.db.models import QuerySet

from core import crypto
from predictions.models import Upstream
from predictions.providers.base import ProviderError
from predictions.providers.registry import UnknownProvider
from predictions.providers.replicate.api_client import Api
from predictions.providers.replicate.config import UpstreamConfig
from predictions.providers.replicate.response_reader import Answer
from predictions.upstreams import configuration, webhook_urls
from predictions.upstreams.configuration import provider_name

log = structlog.get_logger(__name__)

PATH = "/webhooks/default/secret"
_PATIENCE_S = 2.0
_PREFIX = "whsec_"


class Fetcher:
    """The sweep's step: asks where a secret is missing, in a thread of its own."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Begin a round where a secret is missing; never waits for anybody's answer."""
        if self._thread is not None and self._thread.is_alive():
            return
        missing = wanted()
        if missing:
            self._thread = threading.Thread(target=_round, args=(missing,), name="hook-secrets", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until the round has ended, or so long."""
        if self._thread is not None:
            self._thread.join(seconds)


def missing() -> QuerySet[Upstream]:
    """Upstreams that are asked for webhooks and whose secret is not known."""
    return Upstream.objects.filter(enabled=True, webhooks=True, webhook_secret="")


def wanted() -> list[int]:
    """Those of the missing that can be asked for, by primary key.

    Only those with one key: keys may belong to several accounts there, and each account has a secret of its own.
    """
    rows = missing().prefetch_related("keys")
    return [row.pk for row in rows if len(row.keys.all()) == 1 and webhook_urls.address(row.pk)]


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
        secret = asyncio.run(_ask(config))
    except (ProviderError, UnknownProvider) as error:
        log.info("hook_secret_not_told", upstream=pk, reason=str(error))
        return
    if secret:
        with transaction.atomic():
            Upstream.objects.filter(pk=pk, webhook_secret="").update(webhook_secret=crypto.encrypt(secret))


async def _ask(config: UpstreamConfig) -> str:
    return await Api(config).ask("GET", PATH, _read, patience=_PATIENCE_S)


def _read(answer: Answer) -> str:
    """The secret in an answer; empty where it holds none."""
    data = answer.data if answer.is_success and not answer.unreadable else None
    found = data.get("key") if isinstance(data, dict) else None
    if not isinstance(found, str) or not found.startswith(_PREFIX) or len(found) > 200:
        return ""
    try:
        base64.b64decode(found.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return ""
    return found
