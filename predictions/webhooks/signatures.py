"""Signatures of webhooks after Standard Webhooks, by its own library. Pure."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

SECRET_BYTES = 32


def new_secret() -> str:
    """`whsec_` and the standard Base64 of 32 random bytes whose text has neither `_` nor `-` (clients split there)."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(secret: str, message_id: str, body: str, at: datetime, *older: str) -> dict[str, str]:
    """The three headers of one try. `at` is the moment of this try; `body` the very text that is sent.

    `older` secrets sign too, behind the present one, while receivers are told of a change.
    """
    at = at.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(one).sign(message_id, at, body) for one in (secret, *older)),
    }
