"""Who sends a large request body: the user of the API token or session, asked before the body is read."""

from __future__ import annotations

import hashlib
import io
import time
from typing import Any

from django.contrib import auth
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import HttpResponse
from rest_framework.exceptions import APIException

from accounts.tokens.authentication import authenticate
from config.middleware.page_only import TOKEN_MOUNTS
from config.server.thread_pool import Threads
from core.net.client_ip import scope_address

# Seconds for which an answer is remembered. Views ask again: this opens nothing but the way for bytes.
KEPT_S = 20.0
MOST_KEPT = 2_000


class Callers:
    """Looks callers up in the threads of the web process, and remembers those that it found for a moment."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._kept: dict[bytes, tuple[int, float]] = {}

    async def user_of(self, scope: dict[str, Any]) -> int | None:
        """The primary key of the user who sends this request; None where nobody is known by it."""
        credentials = _credentials(scope)
        if credentials is None:
            return None
        kept = self._kept.get(credentials)
        if kept is not None and kept[1] > time.monotonic():
            return kept[0]
        found = await self._threads.run(_look_up, scope)
        if found is not None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[credentials] = found, time.monotonic() + KEPT_S
        return found


def _credentials(scope: dict[str, Any]) -> bytes | None:
    """A hash of the request's credentials and address; None without credentials."""
    credentials = [value for name, value in scope["headers"] if name in (b"authorization", b"cookie")]
    if not credentials:
        return None
    at = "token" if scope["path"].startswith(TOKEN_MOUNTS) else "page"
    address = str(scope_address(scope))
    return hashlib.sha256(b"\n".join([at.encode(), address.encode(), *credentials])).digest()


def _look_up(scope: dict[str, Any]) -> int | None:
    try:
        request = ASGIRequest(scope, io.BytesIO())
        token = authenticate(request)
        if token is not None:
            return token.user_id
        if request.path.startswith(TOKEN_MOUNTS):
            return None
        SessionMiddleware(lambda _: HttpResponse()).process_request(request)
        user = auth.get_user(request)
        return user.pk if user.is_authenticated else None
    except (APIException, DatabaseError, InterfaceError, ValueError):
        # Barred, not from here, not at present: the view has the words for it, and needs no body.
        return None
    finally:
        close_old_connections()
