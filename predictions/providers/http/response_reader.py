"""Reader of upstream responses, within limits of size, time, nesting and memory."""

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

MAX_RESPONSE = 64 * 1024 * 1024
MAX_ERROR = 256 * 1024
"""Maximum bytes read of an error response."""
MAX_DEPTH = 64
MAX_VALUES = 1_000_000
"""Maximum values and names in one response: decoded JSON may take thirty times the memory of its text."""
_LARGE = 1024 * 1024
_IN_THREAD = 256 * 1024
_RETRY_S = 0.02
# A large response takes several times its size while it is decoded: one at a time per process, in whatever loop.
_decode_slot = threading.Semaphore(1)
# Outputs inside a response stay in memory until they are in storage.
_result_slots = threading.Semaphore(3)
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class Unreadable(Exception):
    """The response is not the API's; the text is the end of a sentence. `start`: the beginning of the body."""

    def __init__(self, reason: str, start: str = "", *, hopeless: bool = False) -> None:
        """`hopeless`: a repeat would return the same."""
        super().__init__(reason)
        self.start = start
        self.hopeless = hopeless


@dataclass(frozen=True)
class ApiResponse:
    """A complete response. Header names are in lower case."""

    status: int
    headers: dict[str, str] = field(repr=False)
    data: Any = field(repr=False)
    """Decoded JSON; None where `unreadable` says why there is none."""
    text: str = field(repr=False, default="")
    """The beginning of the body, where it is not JSON or is an error."""
    unreadable: str = ""
    """Why it is not a response of the API, as the end of a sentence. Not the exception, which would keep the body."""
    hopeless: bool = False
    """Whether a repeat would return the same unreadable response."""

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def body(self) -> Any:
        """The body for classification: JSON, or else text."""
        return self.text if self.unreadable else self.data


async def read(response: http_client.Response, hide: Callable[[bytes], bytes], turn: Turn) -> ApiResponse:
    """Read and decode a response. `turn` is taken as soon as it proves to be large.

    `hide` redacts secrets in the bytes before they are used. Raises TransportError, never for the content.
    """
    is_error = not 200 <= response.status_code < 300
    try:
        body = await _body(response, MAX_ERROR if is_error else MAX_RESPONSE, turn, cut=is_error)
    except Unreadable as error:
        decoded = _unreadable(error)
    else:
        body = hide(body)
        decoded = await asyncio.to_thread(_decode, body) if len(body) > _IN_THREAD else _decode(body)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return ApiResponse(response.status_code, headers, **decoded)


class ResultSlot:
    """A slot for keeping a large result in memory. There are few: store the result, then release the slot."""

    def __init__(self) -> None:
        self._acquired = False

    async def acquire(self) -> None:
        """Acquire the slot without blocking the loop."""
        while not self._acquired:
            self._acquired = _result_slots.acquire(blocking=False)
            if not self._acquired:
                await asyncio.sleep(_RETRY_S)

    def keep(self, result: object) -> None:
        """Release the slot when this object is garbage-collected."""
        if self._acquired:
            self._acquired = False
            weakref.finalize(result, _result_slots.release).atexit = False

    def release(self) -> None:
        """Release the slot now, unless it was passed on."""
        if self._acquired:
            self._acquired = False
            _result_slots.release()


class Turn:
    """A slot for reading and decoding a large response until the block ends; acquired without blocking the loop."""

    def __init__(self, result_slot: ResultSlot | None = None) -> None:
        """`result_slot`: the slot for a result that stays large."""
        self._acquired = False
        self._result_slot = result_slot

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._acquired:
            self._acquired = False
            _decode_slot.release()

    async def acquire(self) -> None:
        if self._result_slot is not None:
            # First, so that waiting for room blocks nobody's turn.
            await self._result_slot.acquire()
        while not self._acquired:
            self._acquired = _decode_slot.acquire(blocking=False)
            if not self._acquired:
                await asyncio.sleep(_RETRY_S)


async def _body(response: http_client.Response, most: int, turn: Turn, *, cut: bool) -> bytes:
    """The whole body, or with `cut` its beginning. Raises Unreadable where it is too large or its coding unknown."""
    held = bytearray()
    async for chunk in plain_chunks(response):
        held += chunk
        if len(held) > most:
            if cut:
                del held[most:]
                break
            raise Unreadable(f"it is larger than {most // 1024**2} MiB", _start(held), hopeless=True)
        if len(held) > _LARGE:
            await turn.acquire()
    return bytes(held)


async def plain_chunks(response: http_client.Response) -> AsyncIterator[bytes]:
    """The body decoded from its content coding, in chunks of at most 1 MiB. Raises Unreadable for unknown codings."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        async for chunk in response.aiter_raw():
            yield chunk
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise Unreadable("it is compressed in a way that was not asked for", hopeless=True)
    # wbits + 32 detects gzip or zlib. Several members may follow each other, as gzip allows.
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        async for chunk in response.aiter_raw():
            while chunk:
                if inflater.eof:
                    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
                # In pieces: a few kilobytes may expand to gigabytes.
                yield inflater.decompress(chunk, _LARGE)
                chunk = inflater.unconsumed_tail or inflater.unused_data
    except zlib.error:
        raise Unreadable("its compression is broken") from None
    if not inflater.eof:
        raise Unreadable("its compression is broken")


def _decode(body: bytes) -> dict[str, Any]:
    # Never raises: an exception that crosses from thread to thread keeps the frames that hold the body.
    try:
        return {"data": parse(body)}
    except Unreadable as error:
        return _unreadable(error)


def _unreadable(error: Unreadable) -> dict[str, Any]:
    return {"data": None, "text": error.start, "unreadable": str(error), "hopeless": error.hopeless}


def parse(body: bytes) -> Any:
    """Decode untrusted bytes as JSON. Raises Unreadable."""
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
    """Check nesting and number of values before decoding. Raises Unreadable."""
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
    """The end of the JSON string that begins here; the end of the text where it is not closed."""
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
