"""Sending responses over ASGI: headers, whole or streamed bodies, noticing that the client left."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import close_old_connections
from django.http.response import HttpResponseBase

from config.server.thread_pool import Threads

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Result = TypeVar("Result")
BLOCK = 64 * 1024
# One hop into a thread takes about so many bytes of something whose length is known.
BATCH = 4 * BLOCK


class ClientLeft(Exception):
    """The connection ended while an answer was awaited or sent."""


@dataclass(slots=True)
class Answer:
    """What a thread made of a request: all of it in `body`, or, where `response` is kept, the beginning."""

    status: int
    headers: Headers
    body: bytes = b""
    response: Any = None
    parts: Iterator[bytes] | None = None
    context: contextvars.Context | None = None
    when_sent: Callable[[bool], None] | None = None
    """Called in a thread with whether the response was sent to a client that was still connected."""


def encoded_headers(response: HttpResponseBase) -> Headers:
    """Headers and cookies as ASGI wants them, in the order and spelling of the response."""
    headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.output(header="").encode("ascii").strip())
        for cookie in response.cookies.values()
    ]
    return headers


def batch(parts: Iterator[bytes], least: int) -> tuple[bytes, bool]:
    """The next parts of a stream, at least so many bytes, and whether it ended. Gives the thread's connection back."""
    taken: list[bytes] = []
    size = 0
    try:
        for part in parts:
            taken.append(part)
            size += len(part)
            if size >= least:
                return b"".join(taken), False
        return b"".join(taken), True
    finally:
        close_old_connections()


def batch_size(response: HttpResponseBase) -> int:
    """How much to take at once. Of something still being made (no length is known) each part goes out as it comes."""
    return BATCH if response.has_header("Content-Length") else 1


async def send_whole(answer: Answer, send: Send) -> None:
    """Send an answer that is complete."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_stream(answer: Answer, threads: Threads, receive: Receive, send: Send) -> None:
    """Send an answer in parts, as fast as the client takes them, and close it whatever happens. Raises ClientLeft."""
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if answer.parts is None:
            await unless_gone(_asynchronous_parts(answer.response, send), receive)
        else:
            await _synchronous_parts(answer, threads, receive, send)
        await send({"type": "http.response.body"})
    finally:
        await asyncio.shield(threads.run(_in_context(answer), answer.response.close))


async def is_gone(receive: Receive) -> bool:
    """Whether the client has left already, without waiting for it."""
    gone = asyncio.create_task(_left(receive))
    # Twice: once for the task to begin, once for a message that is there to be taken.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    left = gone.done()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    return left


async def unless_gone(work: Coroutine[Any, Any, Result], receive: Receive) -> Result:
    """The result of `work`, which is cancelled when the client leaves. Raises ClientLeft.

    One task beside the present one, no more: thousands of them wait at a time.
    """
    here = asyncio.current_task()
    assert here is not None
    watch = asyncio.create_task(_left(receive))

    def leave(watch: asyncio.Task[None]) -> None:
        if not watch.cancelled():
            here.cancel()

    watch.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        # Like asyncio.timeout: a cancellation of our own becomes ours to tell, one from outside goes on.
        if watch.done() and not watch.cancelled() and here.uncancel() == 0:
            raise ClientLeft from watch.exception()
        raise
    finally:
        watch.remove_done_callback(leave)
        watch.cancel()


async def _asynchronous_parts(response: Any, send: Send) -> None:
    async with aclosing(aiter(response)) as parts:
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})


async def _synchronous_parts(answer: Answer, threads: Threads, receive: Receive, send: Send) -> None:
    # The iterator may be at work in a thread when the client leaves, so it is not cancelled but asked after each
    # batch; waiting for a slow client ends by itself when it leaves.
    gone = asyncio.create_task(_left(receive))
    run, least = _in_context(answer), batch_size(answer.response)
    part, ended = answer.body, False
    try:
        while True:
            if part:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            if gone.done():
                raise ClientLeft
            if ended:
                return
            part, ended = await threads.run(run, batch, answer.parts, least)
    finally:
        gone.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _in_context(answer: Answer) -> Callable[..., Any]:
    return answer.context.run if answer.context is not None else contextvars.Context().run
