"""The cache that counts requests: an alias of its own, in which nothing is kept that others can fill.

For what is counted to spare the house (sign-ups, mails, an upstream's calls) and may be forgotten at a restart. What is
counted so that nobody guesses stands in the database: `accounts.auth.attempt_limits`.
"""

from __future__ import annotations

from typing import cast

from django.core.cache import BaseCache, caches
from django.utils.connection import ConnectionProxy

cache = cast(BaseCache, ConnectionProxy(caches, "counters"))


def connect_allauth() -> None:
    """Have allauth count here, and remember which codes were used; called once when the app is ready."""
    from allauth.core.internal import ratelimit
    from allauth.mfa.totp.internal import auth

    ratelimit.cache = auth.cache = cache
