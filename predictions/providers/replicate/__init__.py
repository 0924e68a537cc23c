"""Replicate's HTTP API as a kind of upstream. Plain Python: configuration is passed in, rows live elsewhere."""

from __future__ import annotations

from predictions.providers.replicate import account_check, webhook_signatures
from predictions.providers.replicate.provider import ReplicateProvider
from predictions.providers.upstream import ProviderKind, WebhookScheme

KIND = ProviderKind(
    label="Replicate",
    provider=ReplicateProvider,
    check_key=account_check.check_key,
    settings=frozenset({"idempotent", "files", "webhooks"}),
    webhooks=WebhookScheme(webhook_signatures.fetch_secret, webhook_signatures.is_signed),
)
