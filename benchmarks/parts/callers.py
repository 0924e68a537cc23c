"""Many callers who wait: held creates and open event streams, each on a connection of its own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_ID = re.compile(rb'"id": *"([a-z0-9]{26})"')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# Connections opened before the next ones: more at once would overflow the listener's queue.
AT_ONCE = 50


@dataclass
class Seen:
    """When something came for which prediction, by `time.time()`, and what went wrong."""

    moments: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Callers that have heard something, good or bad."""
        return len(self.moments) + len(self.errors)


class Held(asyncio.Protocol):
    """Sends one create and notes when the last byte of its answer came."""

    def __init__(self, request: bytes, seen: Seen) -> None:
        self.request = request
        self.seen = seen
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        moment = time.time()
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        length = _LENGTH.search(self.buffer, 0, head) if head >= 0 else None
        if length is None or len(self.buffer) < head + 4 + int(length[1]):
            return
        name = _ID.search(self.buffer)
        if name and b" 201 " in self.buffer[:16]:
            self.seen.moments[name[1].decode()] = moment
        else:
            self.seen.errors.append(self.buffer[:200].decode("latin1"))
        self.buffer = b""

    def connection_lost(self, error: Exception | None) -> None:
        if self.buffer:
            self.seen.errors.append("The connection ended inside an answer.")


class Stream(asyncio.Protocol):
    """Opens one event stream and notes when an event that is awaited came."""

    def __init__(self, request: bytes, public_id: str, opened: Seen, heard: Seen) -> None:
        self.request = request
        self.public_id = public_id
        self.opened = opened
        self.heard = heard
        self.awaited = b"event: logs"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.tail = b""
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        moment = time.time()
        text, self.tail = self.tail + data, data[-40:]
        if self.public_id not in self.opened.moments:
            if b" 200 " in data[:16]:
                self.opened.moments[self.public_id] = moment
            else:
                self.opened.errors.append(data[:200].decode("latin1"))
        if self.awaited in text:
            self.tail = b""
            self.heard.moments[self.public_id] = moment

    def listen(self, heard: Seen, awaited: bytes) -> None:
        """From now on that event is awaited."""
        self.heard, self.awaited, self.tail = heard, awaited, b""


async def open_all(port: int, protocols: Sequence[asyncio.Protocol]) -> list[asyncio.BaseTransport]:
    """Connect all of them, some at a time; the open connections."""
    loop = asyncio.get_running_loop()
    opened: list[asyncio.BaseTransport] = []
    for start in range(0, len(protocols), AT_ONCE):
        for protocol in protocols[start : start + AT_ONCE]:
            made: Any = await loop.create_connection(lambda one=protocol: one, "127.0.0.1", port)  # type: ignore[misc]
            opened.append(made[0])
        await asyncio.sleep(0.05)
    return opened


async def until(seen: Seen, count: int, seconds: float) -> None:
    """Wait until so many have heard. Raises RuntimeError where some do not in time, or one heard of an error."""
    end = time.monotonic() + seconds
    while seen.count < count and time.monotonic() < end:
        await asyncio.sleep(0.05)
    if seen.errors:
        raise RuntimeError(f"{len(seen.errors)} errors, the first: {seen.errors[0]}")
    if len(seen.moments) < count:
        raise RuntimeError(f"{count - len(seen.moments)} of {count} heard nothing within {seconds:.0f} s.")
