"""Messages over the socket of a fork server's order, in both directions. Plain Python."""

from __future__ import annotations

import json
import socket
from typing import Any

BEGUN = b"+"
"""The first byte that a child sends."""
ENDED = b"\0ended\0"
"""What the fork server appends when a child has ended; JSON holds no NUL."""
_DIGITS = 10
_CHUNK = 256 * 1024


class TooLong(Exception):
    """A frame is longer than it may be."""


class Incomplete(Exception):
    """The peer closed in the middle of a frame."""


def framed(data: bytes) -> bytes:
    """One frame: the length in ten digits, which ENDED cannot be mistaken for, then the bytes."""
    return f"{len(data):0{_DIGITS}d}".encode() + data


def read(source: socket.socket, max_bytes: int) -> bytes:
    """One frame from a blocking socket. Raises TooLong, or Incomplete."""
    length = int(_exactly(source, _DIGITS))
    if length > max_bytes:
        raise TooLong
    return bytes(_exactly(source, length))


def _exactly(source: socket.socket, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        chunk = source.recv(min(_CHUNK, size - len(data)))
        if not chunk:
            raise Incomplete
        data += chunk
    return data


class Answer:
    """An answer as received so far: BEGUN, one frame of JSON, and ENDED where the child ended early."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._data = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Append received bytes."""
        self._data += chunk

    @property
    def begun(self) -> bool:
        """Whether the child has begun; before, it has not touched any file."""
        return self._data.startswith(BEGUN)

    @property
    def is_complete(self) -> bool:
        """Whether the whole frame was received. Raises TooLong."""
        start = len(BEGUN)
        head = self._data[start : start + _DIGITS]
        if len(head) < _DIGITS or not head.isdigit():
            return False
        if int(head) > self._max_bytes:
            raise TooLong
        return len(self._data) >= start + _DIGITS + int(head)

    @property
    def ended_early(self) -> bool:
        """Whether the child ended before its answer was complete."""
        return not self.is_complete and self._data.endswith(ENDED)

    def value(self) -> Any:
        """The JSON of a complete answer. Raises ValueError."""
        start = len(BEGUN) + _DIGITS
        length = int(self._data[len(BEGUN) : start])
        return json.loads(self._data[start : start + length])
