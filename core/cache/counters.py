"""The cache of counters: an alias of its own, so that keys which others can fill never evict a count.

For limits that protect the server (sign-ups, mails, an upstream's calls) and may be lost at a restart. Counts that
prevent guessing are in the database: `accounts.auth.attempt_limits`.
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
