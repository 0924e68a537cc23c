"""Parts of a file whose metadata is replaced: ranges copied from it and bytes of ours; and bounded reading of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

MOST_READS = 1_000_000
"""Reads per file: parts may be so small that walking them would take a core for half a minute."""
PIECE = 1 << 20
_WINDOW = 64 * 1024


class UnsupportedContainer(ValueError):
    """The file's structure is not what its type requires, or is not supported."""


@dataclass(frozen=True)
class ByteRange:
    """A range of the file: `length` bytes from `start`."""

    start: int
    length: int


Part = bytes | ByteRange


def length_of(parts: list[Part]) -> int:
    """Bytes of all parts together."""
    return sum(part.length if isinstance(part, ByteRange) else len(part) for part in parts)


class Reader:
    """Bounded random access to the file, through a window."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self.size = file, size
        self._window, self._from, self._reads = b"", 0, 0

    def at(self, start: int, length: int) -> bytes:
        """Exactly `length` bytes from `start`. Raises UnsupportedContainer where the file has fewer."""
        if length < 0 or start < 0 or start + length > self.size:
            raise UnsupportedContainer("cut short")
        self._reads += 1
        if self._reads > MOST_READS:
            raise UnsupportedContainer("too many pieces")
        if not self._from <= start <= start + length <= self._from + len(self._window):
            self._file.seek(start)
            self._window, self._from = self._file.read(max(length, _WINDOW)), start
        begin = start - self._from
        data = self._window[begin : begin + length]
        if len(data) != length:
            raise UnsupportedContainer("cut short")
        return data

    def number(self, start: int, length: int) -> int:
        """A big-endian integer."""
        return int.from_bytes(self.at(start, length), "big")
