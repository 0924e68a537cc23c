"""Reads what an upstream answers, whatever it is, within limits of size, time, nesting and memory."""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from core.net import http_client

MAX_ANSWER = 64 * 1024 * 1024
MAX_ERROR = 256 * 1024
"""Bytes that are read of an answer that only says why not."""
MAX_DEPTH = 64
MAX_VALUES = 1_000_000
"""Values and names in one answer: what is small as text may take thirty times as much once it is decoded."""
_LARGE = 1024 * 1024
_IN_THREAD = 256 * 1024
_ASK_S = 0.02
# A large answer takes several times its size while it is decoded: one at a time in a process, in whatever loop.
_large_one = threading.Semaphore(1)
# What came whole with its answer stays large until it lies in the storage.
_large_kept = threading.Semaphore(3)
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class Unreadable(Exception):
    """What came is no answer of the API; the text is the end of a sentence. `start`: how it begins."""

    def __init__(self, reason: str, start: str = "", *, hopeless: bool = False) -> None:
        """`hopeless`: it would be the same when asked again."""
        super().__init__(reason)
        self.start = start
        self.hopeless = hopeless


@dataclass(frozen=True)
class Answer:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: dict[str, str] = field(repr=False)
    data: Any = field(repr=False)
    """Decoded JSON; None where `unreadable` says why there is none."""
    text: str = field(repr=False, default="")
    """How the body begins, where it is no JSON or an error."""
    unreadable: str = ""
    """Why it is no answer of the API, as the end of a sentence. Text, not the exception: that would keep the body."""
    hopeless: bool = False
    """Whether an unreadable one would be the same when asked again."""

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def said(self) -> Any:
        """The body for whoever looks for words: JSON, or else text."""
        return self.text if self.unreadable else self.data


async def read(response: http_client.Response, hide: Callable[[bytes], bytes], turn: Turn) -> Answer:
    """The answer, read and decoded. `turn` is taken as soon as it is known to be a large one.

    `hide` blots secrets out of the bytes before anybody looks at them. Raises TransportError; never for what the bytes
    are.
    """
    is_error = not 200 <= response.status_code < 300
    try:
        body = await _body(response, MAX_ERROR if is_error else MAX_ANSWER, turn, cut=is_error)
    except Unreadable as error:
        decoded = _refused(error)
    else:
        body = hide(body)
        decoded = await asyncio.to_thread(_decoded, body) if len(body) > _IN_THREAD else _decoded(body)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, **decoded)


class Room:
    """The right to keep a large result. Few may at once: whoever got one stores it and lets it go."""

    def __init__(self) -> None:
        self._mine = False

    async def take(self) -> None:
        """Wait for it, without blocking the loop."""
        while not self._mine:
            self._mine = _large_kept.acquire(blocking=False)
            if not self._mine:
                await asyncio.sleep(_ASK_S)

    def keep(self, result: object) -> None:
        """Give it up when nobody holds this object any more."""
        if self._mine:
            self._mine = False
            weakref.finalize(result, _large_kept.release).atexit = False

    def end(self) -> None:
        """Give it up now, where it was not passed on."""
        if self._mine:
            self._mine = False
            _large_kept.release()


class Turn:
    """The right to hold and decode a large answer, until the block ends; asked for without blocking the loop."""

    def __init__(self, room: Room | None = None) -> None:
        """`room`: for whoever keeps what is large."""
        self._mine = False
        self._room = room

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._mine:
            self._mine = False
            _large_one.release()

    async def take(self) -> None:
        if self._room is not None:
            # First: who waits for room must not keep others from their turn.
            await self._room.take()
        while not self._mine:
            self._mine = _large_one.acquire(blocking=False)
            if not self._mine:
                await asyncio.sleep(_ASK_S)


async def _body(answer: http_client.Response, most: int, turn: Turn, *, cut: bool) -> bytes:
    """The whole body, or with `cut` its beginning. Raises Unreadable where it is too large or oddly coded."""
    held = bytearray()
    async for chunk in plain_chunks(answer):
        held += chunk
        if len(held) > most:
            if cut:
                del held[most:]
                break
            raise Unreadable(f"it is larger than {most // 1024**2} MiB", _start(held), hopeless=True)
        if len(held) > _LARGE:
            await turn.take()
    return bytes(held)


async def plain_chunks(answer: http_client.Response) -> AsyncIterator[bytes]:
    """The body's bytes without their content coding, each chunk at most 1 MiB. Raises Unreadable for odd codings."""
    coding = answer.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        async for chunk in answer.aiter_raw():
            yield chunk
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise Unreadable("it is compressed in a way that was not asked for", hopeless=True)
    # The window's bits plus 32: gzip or zlib, whichever it is. Members may follow each other, as gzip allows.
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        async for chunk in answer.aiter_raw():
            while chunk:
                if inflater.eof:
                    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
                # In pieces: some kilobytes may stand for gigabytes.
                yield inflater.decompress(chunk, _LARGE)
                chunk = inflater.unconsumed_tail or inflater.unused_data
    except zlib.error:
        raise Unreadable("its compression is broken") from None
    if not inflater.eof:
        raise Unreadable("its compression is broken")


def _decoded(body: bytes) -> dict[str, Any]:
    # Never raises: an exception that crosses from thread to thread keeps the frames that hold the body.
    try:
        return {"data": parse(body)}
    except Unreadable as error:
        return _refused(error)


def _refused(error: Unreadable) -> dict[str, Any]:
    return {"data": None, "text": error.start, "unreadable": str(error), "hopeless": error.hopeless}


def parse(body: bytes) -> Any:
    """JSON out of bytes that may be anything. Raises Unreadable."""
    if not body.strip():
        raise Unreadable("it is empty")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8", _start(body)) from None
    try:
        check_shape(body)
        return json.loads(text, parse_constant=_no_constant)
    except Unreadable as error:
        error.start = _start(body)
        raise
    except (ValueError, RecursionError):
        kind = "an HTML page" if text.lstrip()[:1] == "<" else "no JSON"
        raise Unreadable(f"it is {kind}", _start(body)) from None


def check_shape(body: bytes) -> None:
    """Count before anything is built: nesting and the number of values. Raises Unreadable."""
    position = depth = values = 0
    while True:
        quote = body.find(b'"', position)
        segment = body[position:] if quote < 0 else body[position:quote]
        brackets = segment.translate(None, _ALL_BUT_BRACKETS)
        values += 1 + segment.count(b",") + len(brackets)
        if values > MAX_VALUES:
            raise Unreadable("it holds too many values", hopeless=True)
        for byte in brackets:
            depth += 1 if byte in b"[{" else -1
            if depth > MAX_DEPTH:
                raise Unreadable(f"it is nested deeper than {MAX_DEPTH} levels", hopeless=True)
        if quote < 0:
            return
        position = _end_of_string(body, quote + 1)


def _end_of_string(body: bytes, position: int) -> int:
    """Where the string that begins here is over; the end of everything where it never is."""
    for _ in range(MAX_VALUES):
        end = body.find(b'"', position)
        if end < 0:
            return len(body)
        inside = body[position:end]
        if (len(inside) - len(inside.rstrip(b"\\"))) % 2 == 0:
            return end + 1
        position = end + 1
    raise Unreadable("it holds too many values", hopeless=True)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _start(body: bytes | bytearray) -> str:
    return bytes(body[:20_000]).decode(errors="replace")
