"""Connections of the web process: how many there may be, how long each may take, and how each ends.

uvicorn's protocol for HTTP/1.1 with the bounds that it leaves open. A connection has a time by which it must have moved
on, checked once a second: the head of a request within `HEAD_S`, the next request within `IDLE_S`, a response read at
no less than `SEND_BYTES` in `SEND_S`. Time limits of bodies are in `config.server.request_bodies`. A response sent
before the whole request has arrived still reaches its reader: the rest is read and dropped for a while (`close`).
"""

from __future__ import annotations

import asyncio
import logging
import math
from itertools import islice
from typing import Any, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from core.net import ip_addresses

log = logging.getLogger("darkroom.web")
# Seconds from the beginning of a connection, or from the first byte of a later request, to the end of a head.
HEAD_S = 15.0
# Seconds that a connection is kept between two requests; usual proxies keep theirs for less (Caddy for 120, Traefik for
# 90), so that they close first.
IDLE_S = 130.0
# The most bytes and lines of a head.
HEAD_BYTES = 64 * 1024
HEAD_LINES = 200
# An answer that waits for its reader goes on as long as so many bytes go out in so many seconds.
SEND_S = 60.0
SEND_BYTES = 64 * 1024
# After an answer that came early: seconds and bytes for which the rest is read and dropped, and the longest silence.
LINGER_S = 30.0
LINGER_SILENCE_S = 10.0
LINGER_BYTES = 128 * 1024 * 1024
# Seconds between two lines of the log about connections that were refused.
_SAID_EVERY_S = 60.0
# Of one peer's idle connections so many are looked at for the one that is missed least.
_LOOKED_AT = 64
_BODY_LINES = (b"content-length", b"transfer-encoding")
_REASONS = {
    400: "The request cannot be read.",
    408: "The request did not arrive in time.",
    431: "The head of the request is too large.",
    503: "There are too many connections; try again in a moment.",
}


class Peer:
    """The connections of one client network (`core.net.ip_addresses.rate_limit_key`): their number, the idle ones,
    longest idle first, and those that receive or received a body.
    """

    def __init__(self, household: str) -> None:
        self.household = household
        self.count = 0
        self.idle: dict[Connection, None] = {}
        self.receiving: dict[Connection, None] = {}

    def first_to_go(self) -> Connection | None:
        """The connection to close first: idle, else with an incomplete body, else one that still reads its response."""
        idle = min(islice(self.idle, _LOOKED_AT), key=lambda one: one.rank, default=None)
        if idle is not None and not idle.rank[0]:
            return idle
        while self.receiving:
            one = next(iter(self.receiving))
            if one.is_receiving:
                return one
            del self.receiving[one]
        return idle


class Connections(ServerState):
    """What uvicorn keeps of its connections, with their bounds: `most` in all, `most_of_one` from one address.

    `most_of_one` 0: as many as in all.
    """

    def __init__(self, most: int, most_of_one: int = 0) -> None:
        super().__init__()
        self.most = most
        self.most_of_one = most_of_one or most
        self.count = 0
        self._peers: dict[str, Peer] = {}
        self._refused = 0
        self._said_at = -math.inf

    def add(self, one: Connection) -> bool:
        """Count a new connection. Where that is too many others go for it; False where all are at work.

        One that is refused counts until it ends, and is the first to go.
        """
        household = ip_addresses.rate_limit_key(ip_addresses.read(one.address))
        peer = one.peer = self._peers.setdefault(household, Peer(household))
        peer.count += 1
        self.count += 1
        has_room = self._make_room(peer if one.address else None)
        peer.idle[one] = None
        if not has_room:
            self._note_refusal(one)
        return has_room

    def _make_room(self, peer: Peer | None) -> bool:
        while full := self._full(peer):
            other = full.first_to_go()
            if other is None:
                return False
            other.drop()
        return True

    def _full(self, peer: Peer | None) -> Peer | None:
        """Whose connection has to go for one of this peer; None where none has to."""
        if peer is not None and peer.count > self.most_of_one:
            return peer
        if self.count > self.most:
            return max(self._peers.values(), key=lambda peer: (len(peer.idle), len(peer.receiving)))
        return None

    def remove(self, one: Connection) -> None:
        """Count it no more; a second time means nothing."""
        peer, one.peer = one.peer, None
        if peer is None:
            return
        peer.idle.pop(one, None)
        peer.receiving.pop(one, None)
        peer.count -= 1
        self.count -= 1
        if not peer.count:
            del self._peers[peer.household]

    def look(self, now: float) -> None:
        """End what has not moved on in time. `now`: the event loop's clock, in seconds."""
        for one in [one for one in self.connections if cast(Connection, one).deadline <= now]:
            cast(Connection, one).expire(now)

    def _note_refusal(self, one: Connection) -> None:
        self._refused += 1
        now = one.loop.time()
        if now - self._said_at >= _SAID_EVERY_S:
            log.warning(
                "Connections refused: %s since the last such line, the last from %s; %s are open",
                self._refused, one.address, self.count,
            )  # fmt: skip
            self._refused, self._said_at = 0, now


class _Transport:
    """The transport as uvicorn's code has it: its `close` is the connection's, all else its own."""

    def __init__(self, own: asyncio.Transport, connection: Connection) -> None:
        self.write = own.write
        self.get_extra_info = own.get_extra_info
        self.pause_reading = own.pause_reading
        self.resume_reading = own.resume_reading
        self.close = connection.close
        self._own = own
        self._connection = connection

    def is_closing(self) -> bool:
        return self._connection.ending or self._own.is_closing()


class Connection(HttpToolsProtocol):
    """One connection; see the module."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.all = cast(Connections, server_state)
        self.peer: Peer | None = None
        self.address = ""
        self.deadline = math.inf
        self.ending = False
        # What comes is not read any more; after `ending` it is waited for, until then.
        self._deaf = False
        self._until = math.inf
        self._dropped = 0
        self._in_head = False
        self._too_large = False
        # Bytes since the last whole head, or piece of a body.
        self._pending = 0
        # What was left to be sent when that was last looked at.
        self._unsent: int | None = None

    # -- Beginning and end ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._own = transport
        super().connection_made(cast(asyncio.Transport, _Transport(transport, self)))
        self.address = self.client[0] if self.client else ""
        self.deadline = self.loop.time() + HEAD_S
        if not self.all.add(self):
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ending, self.deadline = True, math.inf
        self.all.remove(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends: nobody is waited for who has an answer already."""
        super().shutdown()
        if self.ending and self._deaf:
            self._own.abort()

    def close(self) -> None:
        """Close once what was written is sent.

        A socket that is closed while a request is still coming resets the connection, and the peer never reads the
        answer. So only the sending half is closed then, and the rest read and dropped, within bounds.
        """
        if self.ending or self._own.is_closing():
            self._own.close()
            return
        self.ending, now = True, self.loop.time()
        if self.peer is not None:
            self.peer.idle[self] = None
        if not self._deaf and (self.cycle is None or not self.cycle.more_body):
            self._own.close()
            self.deadline = now + SEND_S
            return
        self._deaf = True
        self._end_cycle()
        self.transport.write = _nothing  # type: ignore[method-assign]
        self._own.write_eof()
        self.flow.resume_reading()
        self._unsent = None
        self._until, self.deadline = now + LINGER_S, now + LINGER_SILENCE_S

    def drop(self) -> None:
        """End at once: another connection is in need of the place."""
        self.all.remove(self)
        if self.ending or self.is_receiving or self._own.get_write_buffer_size():
            self._own.abort()
        else:
            self.close()

    def expire(self, now: float) -> None:
        """The time is over by which it should have moved on."""
        unsent = self._own.get_write_buffer_size()
        if unsent:
            self._await_reader(unsent, now)
        elif self.ending:
            self._own.abort()
        elif self._in_head:
            self._refuse(408)
        elif self.peer is not None and self in self.peer.idle:
            self.close()
        else:
            self.deadline = math.inf

    def _await_reader(self, unsent: int, now: float) -> None:
        if self._unsent is not None and self._unsent - unsent < SEND_BYTES:
            self._own.abort()
            return
        self._unsent, self.deadline = unsent, now + SEND_S

    # -- What comes in ----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deaf or self.ending:
            self._drop(data)
            return
        self._pending += len(data)
        super().data_received(data)
        if self._pending > HEAD_BYTES and not self._deaf:
            self._refuse(431 if self._in_head else 400)
        elif self.is_receiving and self.peer is not None:
            self.peer.receiving.setdefault(self)

    @property
    def rank(self) -> tuple[bool, bool]:
        """The lower the less it is missed: whether some of an answer is unsent, whether a head is on its way."""
        return self._own.get_write_buffer_size() > 0, self._in_head and not self.ending

    @property
    def is_receiving(self) -> bool:
        """Whether the body of a request is on its way."""
        cycle = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def _drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > LINGER_BYTES:
            self._own.abort()
        elif self.ending and self._unsent is None:
            self.deadline = min(self._until, self.loop.time() + LINGER_SILENCE_S)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self.cycle is not None and self.cycle.response_complete:
            self.deadline = self.loop.time() + HEAD_S

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.headers) > HEAD_LINES or (self._pending > HEAD_BYTES and self._head_size() > HEAD_BYTES):
            self._too_large = True
            raise ValueError("The head is too large.")
        if self.parser.should_upgrade() and any(name in _BODY_LINES for name, _ in self.headers):
            raise ValueError("The parser reads no body here.")
        self._pending, self.deadline, self._unsent = 0, math.inf, None
        if self.peer is not None:
            self.peer.idle.pop(self, None)
        super().on_headers_complete()
        # Lines behind a body in chunks are no headers: nothing that was checked in the head may change there.
        self.headers = _NO_LINES
        if self.parser.should_upgrade():
            # We speak nothing else, and the parser would take what follows for another request.
            self.cycle.keep_alive, self._deaf = False, True

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing to be said in the log: whoever asked gets an answer without it."""

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    # -- What goes out ----------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """As uvicorn's own, without a timer for each request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.cycle.more_body:
            self.close()
        else:
            self.deadline = self.loop.time() + (HEAD_S if self._in_head else IDLE_S)
            if self.peer is not None:
                self.peer.idle[self] = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent, self.deadline = self._own.get_write_buffer_size(), self.loop.time() + SEND_S

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.ending and self.cycle is not None and not self.cycle.response_complete:
            self.deadline = math.inf

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls where its parser gives up."""
        self._refuse(431 if self._too_large else 400)

    def _refuse(self, status: int) -> None:
        """Answer in the application's place, in plain text, and read nothing more."""
        self._deaf = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                # It is the next request that cannot be read: this one is answered first.
                cycle.keep_alive = False
                return
            if cycle.response_started or self.pipeline:
                self.close()
                return
        text = _REASONS[status].encode()
        head = [STATUS_LINE[status], b"content-type: text/plain; charset=utf-8\r\n", b"connection: close\r\n"]
        head += [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
        if status == 503:
            head.append(b"retry-after: 5\r\n")
        self.transport.write(b"".join([*head, b"content-length: %d\r\n\r\n" % len(text), text]))
        self.close()

    def _end_cycle(self) -> None:
        """Whoever still reads this request finds that nothing more of it comes."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class _NoLines(list[tuple[bytes, bytes]]):
    """Takes nothing."""

    def append(self, line: tuple[bytes, bytes]) -> None:
        """Forget it."""


_NO_LINES = _NoLines()


def _nothing(data: bytes | bytearray | memoryview) -> None:
    """In place of writing, once the sending half is closed."""
