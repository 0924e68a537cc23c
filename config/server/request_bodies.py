"""Request bodies: received completely before Django sees the request, within limits of size, time and room.

Above `FREE` bytes a body is accepted only from an authenticated caller (`config.server.callers`). All bodies share the
room of the spool (`config.server.body_spool`). A client must keep sending (`SILENCE_S`), not too slowly (`GRACE_S` and
`RATE`) and not for too long (`MOST_S`). A refused body is passed on as `Unread`, so that the view can still reject an
unauthorised caller in its own format.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.urls import is_valid_path
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from config.server.body_spool import Body, Full, Sender, ShareFull, Spool
from config.server.callers import Callers
from core.http import json_body
from core.net import client_ip, ip_addresses

log = logging.getLogger("darkroom.web")
Receive = Callable[[], Awaitable[dict[str, Any]]]
MIB = 1024 * 1024
# The most bytes that somebody unknown may send.
FREE = 64 * 1024
# The longest silence of a client in the middle of its body, in seconds.
SILENCE_S = 30.0
# Of a body that is not whole yet so many bytes a second must come in each so many seconds: none can be saved up.
GRACE_S = 30.0
RATE = 8 * 1024
# The longest that a body may take, in seconds: 100 MB at a megabit a second.
MOST_S = 900.0

FILES_TOO_LARGE = "Files must be less than 100MB in size"
# Where files are sent: a file below 100 MB and the parts beside it.
FILE_PATHS = {
    "/v1/files",
    "/replicate/v1/files",
    "/openai/v1/images/edits",
    "/openai/v1/images/variations",
}
FILE_LIMIT = 101 * MIB
# Where the studio's forms send pictures of at most 25 MB: one, or as many as a model takes.
PICTURE_LIMITS = {"/studio/upload/": 26 * MIB, "/studio/make/": 80 * MIB}
# What is priced may hold a picture as a data URI; nothing else under /api/ carries one.
OWN_API = "/api/"
OWN_API_WITH_PICTURES = {"/api/quotes", "/api/quotes/batch"}
# Where other services report, known by a signature of the body itself: the most that their views read.
SIGNED_LIMITS = {"/hooks/": MIB, "/payments/": MIB}
# In place of `GRACE_S`: they send from data centres, and anybody may send to these.
SIGNED_GRACE_S = 15.0


class ClientLeft(Exception):
    """The connection ended before the whole body was there."""


class Refused(Exception):
    """The body is not taken: with which status, and what to say of it. `retry_after`: in seconds."""

    def __init__(self, status: int, says: str | Promise, retry_after: int | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.says = says
        self.retry_after = retry_after


class Unread(io.RawIOBase):
    """Stands for a body that is not taken; whoever reads it gets RequestDataTooBig.

    So a view can still look at the caller first: a bad token is answered with 401 whatever the body's size.
    """

    def __init__(self, refusal: Refused) -> None:
        super().__init__()
        self.refusal = refusal
        self.was_asked_for = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Raises RequestDataTooBig."""
        self.was_asked_for = True
        raise RequestDataTooBig(str(self.refusal.says))

    def readinto(self, buffer: Any) -> int:
        """Raises RequestDataTooBig."""
        self.read()
        return 0

    readline = read  # type: ignore[assignment]


def limit_for(path: str) -> int:
    """The most bytes that a request to this path may carry."""
    if path in FILE_PATHS:
        return FILE_LIMIT
    if path.startswith(OWN_API) and path not in OWN_API_WITH_PICTURES:
        return json_body.MAX_OWN_API
    return _signed_limit(path) or PICTURE_LIMITS.get(path) or settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 2**63


def _signed_limit(path: str) -> int:
    """The same where another service reports; 0 everywhere else, also where nothing is."""
    limit = next((limit for prefix, limit in SIGNED_LIMITS.items() if path.startswith(prefix)), 0)
    return limit if limit and is_valid_path(path) else 0


class Bodies:
    """Receives the bodies of one process."""

    def __init__(self, callers: Callers) -> None:
        self.spool = Spool()
        self._callers = callers

    async def read(self, scope: dict[str, Any], receive: Receive) -> IO[bytes] | Body | Unread:
        """The body as a file at its beginning, or `Unread`. Whoever gets it closes it. Raises ClientLeft."""
        try:
            return await self._taken(scope, receive)
        except Refused as refusal:
            return Unread(refusal)
        except ShareFull:
            return Unread(Refused(429, _SHARE_FULL, 5))
        except Full:
            return Unread(Refused(503, _FULL, 5))
        except OSError:
            log.exception("A request body could not be written")
            return Unread(Refused(503, _FULL, 5))

    async def _taken(self, scope: dict[str, Any], receive: Receive) -> IO[bytes] | Body:
        announced, limit = _announced(scope["headers"]), limit_for(scope["path"])
        signed = _signed_limit(scope["path"])
        free = signed or min(limit, FREE)
        if announced is not None and announced > limit:
            raise _too_large(scope["path"], limit)
        # Before `100 Continue` is sent to a client that waits for it.
        sender: Sender = ip_addresses.rate_limit_key(client_ip.scope_address(scope))
        if announced is not None and announced > free:
            sender = await self._sender(scope)
        if announced == 0:
            message = await receive()
        else:
            pace = _Pace(receive, SIGNED_GRACE_S if signed else GRACE_S)
            message = await pace.next(0)
        whole = message["type"] == "http.request" and not message.get("more_body", False)
        if whole and len(message.get("body", b"")) <= (free if isinstance(sender, str) else limit):
            return io.BytesIO(message.get("body", b""))
        body = Body(self.spool, sender, 0 if isinstance(sender, str) else announced or 0)
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise ClientLeft
                part = message.get("body", b"")
                if body.size + len(part) > limit:
                    raise _too_large(scope["path"], limit)
                if isinstance(sender, str) and body.size + len(part) > free:
                    sender = await self._sender(scope)
                    body.belongs_to(sender)
                try:
                    await body.write(part)
                except Full:
                    # A member whose household is full has a share of their own.
                    known = await self._callers.user_of(scope) if isinstance(sender, str) else None
                    if known is None:
                        raise
                    sender = known
                    body.belongs_to(sender)
                    await body.write(part)
                if not message.get("more_body", False):
                    break
                message = await pace.next(body.size)
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return body

    async def _sender(self, scope: dict[str, Any]) -> int:
        """Whose body it is. Raises Refused where nobody is known."""
        sender = await self._callers.user_of(scope)
        if sender is None:
            raise Refused(413, _UNKNOWN)
        return sender


class _Pace:
    """The parts of one body, as long as they come fast enough. Only waiting for the client counts."""

    def __init__(self, receive: Receive, grace_s: float) -> None:
        self._receive = receive
        self._grace_s = grace_s
        # Seconds left in all, and for the next `grace_s * RATE` bytes, which are counted from a size.
        self._left = MOST_S
        self._left_now = grace_s
        self._counted_from = 0

    async def next(self, size: int) -> dict[str, Any]:
        """The next message, after `size` bytes. Raises Refused where it does not come in time."""
        if size - self._counted_from >= self._grace_s * RATE:
            self._counted_from, self._left_now = size, self._grace_s
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(SILENCE_S, self._left_now, self._left)):
                return await self._receive()
        except TimeoutError:
            raise Refused(408, _TOO_SLOW) from None
        finally:
            waited = asyncio.get_running_loop().time() - began
            self._left -= waited
            self._left_now -= waited


def _announced(headers: list[tuple[bytes, bytes]]) -> int | None:
    """The length that the head tells; None where the body ends when it ends."""
    length: int | None = 0
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            return None
    return length


def _too_large(path: str, limit: int) -> Refused:
    if path in FILE_PATHS:
        return Refused(413, FILES_TOO_LARGE)
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // 1024} KiB"
    return Refused(413, format_lazy(_TOO_LARGE, size=size))


_TOO_LARGE = _("The request body is too large. The limit is {size}.")
_UNKNOWN = _(
    "Requests without a sign-in or an API token may carry 64 KiB at most. Sign in or send a token, then send it again."
)
_TOO_SLOW = _("The request body arrived too slowly and was discarded. Nothing was charged. Send it again.")
_SHARE_FULL = _(
    "Too many of your uploads are in progress. Nothing was charged. Send this again when some have finished."
)
_FULL = _("The server is receiving too much right now. Nothing was charged. Send this again in a moment.")
