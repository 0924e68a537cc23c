"""A cheap generator of load: keep-alive connections that each send the same request again as soon as it is answered."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What one measurement saw. Times in seconds."""

    answers: int
    errors: int
    seconds: float
    times: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def percentile(self, share: float) -> float:
        """The time below which that share of the answers came; `share` from 0 to 1."""
        if not self.times:
            return float("nan")
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class _Client(asyncio.Protocol):
    def __init__(self, request: bytes, expected: int, run: _Run) -> None:
        self.request = request
        self.expected = b" %d " % expected
        self.run = run
        self.buffer = b""
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.run.stopping:
            self.run.errors += 1

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self.buffer, 0, head)
        if length is None:
            raise ValueError("The load generator needs answers with a Content-Length.")
        if len(self.buffer) < head + 4 + int(length[1]):
            return
        self.run.times.append(time.perf_counter() - self.sent)
        self.run.pending -= 1
        if self.expected not in self.buffer[:16]:
            self.run.errors += 1
        self.buffer = b""
        if not self.run.stopping:
            self._send()

    def _send(self) -> None:
        self.sent = time.perf_counter()
        self.run.pending += 1
        self.transport.write(self.request)  # type: ignore[attr-defined]


@dataclass
class _Run:
    times: list[float] = field(default_factory=list)
    errors: int = 0
    stopping: bool = False
    pending: int = 0
    """Requests without an answer."""


def measure(port: int, request: bytes, *, connections: int, seconds: float, expected: int = 200) -> Load:
    """Send `request` over so many connections for so long. An answer with another status counts as an error."""
    return uvloop.run(_measure(port, request, connections, seconds, expected))


async def _measure(port: int, request: bytes, connections: int, seconds: float, expected: int) -> Load:
    run = _Run()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: _Client(request, expected, run), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    # A slow answer on a busy machine is a low rate, not none: every connection is given the time for one.
    while len(run.times) < connections and time.perf_counter() - began < 20 * seconds and not run.errors:
        await asyncio.sleep(0.01)
    run.stopping = True
    took = time.perf_counter() - began
    answers = len(run.times)
    # What this server still works on would lock rows that the next measurement writes in another order.
    while run.pending and time.perf_counter() - began < 40 * seconds and not run.errors:
        await asyncio.sleep(0.01)
    for transport, _ in opened:
        transport.close()
    await asyncio.sleep(0.01)
    return Load(answers, run.errors, took, run.times[:answers])


def request(
    method: str, path: str, *, token: str = "", body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """The bytes of a request, as a small client would send them."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
