"""Webhook signatures of Replicate-compatible services: fetching the signing secret and verifying calls.

The scheme is Standard Webhooks, with one secret per account.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from predictions.providers.http.api_client import Api
from predictions.providers.http.response_reader import ApiResponse
from predictions.providers.upstream import UpstreamConfig

PATH = "/webhooks/default/secret"
_PATIENCE_S = 2.0
_PREFIX = "whsec_"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


async def fetch_secret(config: UpstreamConfig) -> str:
    """Fetch the account's signing secret; "" where the response has none. Raises ProviderError."""
    return await Api(config).request_api("GET", PATH, _read, patience=_PATIENCE_S)


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the call is signed with this secret, within the last minutes."""
    signed = {name: headers.get(name, "") for name in _HEADERS}
    try:
        Webhook(secret).verify(body, signed, json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def _read(answer: ApiResponse) -> str:
    """The secret in a response; empty where it has none."""
    data = answer.data if answer.is_success and not answer.unreadable else None
    found = data.get("key") if isinstance(data, dict) else None
    if not isinstance(found, str) or not found.startswith(_PREFIX) or len(found) > 200:
        return ""
    try:
        base64.b64decode(found.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return ""
    return found
