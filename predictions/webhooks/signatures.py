"""Webhook signatures by Standard Webhooks, with its own library. Pure functions."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

SECRET_BYTES = 32


def new_secret() -> str:
    """`whsec_` and the standard Base64 of 32 random bytes.

    That alphabet has neither `_` nor `-`, at which clients split.
    """
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(secret: str, message_id: str, body: str, at: datetime, *older: str) -> dict[str, str]:
    """The three headers of one attempt at time `at`. `body` must be the very text that is sent.

    `older` secrets sign too, after the present one, while receivers change over.
    """
    at = at.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, body) for key in (secret, *older)),
    }
