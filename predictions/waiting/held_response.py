"""Deferred responses (long polling): the view stays synchronous, and the server awaits the result on its event loop.

A held request has neither a thread nor a database connection: the server releases both as soon as the view has
returned its `HeldResponse`, awaits `until`, and sends its result.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import HttpResponse

from predictions import queries
from predictions.models import Prediction
from predictions.waiting import waiters

Result = TypeVar("Result")
Runner = Callable[..., Awaitable[Any]]
_runner: Runner | None = None


class HeldResponse(HttpResponse):
    """The response to send where nothing can be held; `until` produces the later one.

    Headers and cookies that middleware adds to it are copied to the later response, unless that sets its own.
    `until` runs on the server's event loop and may use the database only through `in_thread`. It returns a complete,
    rendered response, not a stream. If it fails, this first response is sent: the request itself has been carried out.
    """

    def __init__(
        self, *args: Any, until: Callable[[], Awaitable[HttpResponse]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.until = until


def held_until_ended(
    now: HttpResponse,
    public_id: str,
    seconds: float,
    answer: Callable[[Prediction], HttpResponse],
    token: int | None = None,
) -> HeldResponse:
    """`now`, held until the prediction ends or `seconds` have passed; `answer` then builds the response from the row.

    `token`: primary key of the caller's API token. As soon as it is no longer valid, `now` is sent.
    The row comes with model and version (`predictions.queries`) and may be shared: `answer` must not modify it.
    """

    async def until() -> HttpResponse:
        try:
            made = await waiters.ended(public_id, seconds, answer, token)
        except waiters.Barred:
            return now
        return made if made is not None else await in_thread(_present, public_id, answer)

    held = HeldResponse(now.content, until=until, status=now.status_code)
    held.headers = now.headers
    held.cookies = now.cookies
    return held


def _present(public_id: str, answer: Callable[[Prediction], HttpResponse]) -> HttpResponse:
    found = queries.find(public_id)
    if found is None:
        raise Prediction.DoesNotExist
    return answer(found)


async def in_thread(function: Callable[..., Result], *args: Any) -> Result:
    """Run synchronous code that may use the database, from the event loop; its connection is released afterwards."""
    run = _runner or partial(_without_server)
    result: Result = await run(_with_clean_connections, function, *args)
    return result


def set_runner(runner: Runner | None) -> None:
    """Set the server's thread pool, `runner(function, *args)`, for `in_thread`; without one, each call starts one."""
    global _runner
    _runner = runner


async def _without_server(function: Callable[..., Result], *args: Any) -> Result:
    return await sync_to_async(function, thread_sensitive=False)(*args)


def _with_clean_connections(function: Callable[..., Result], *args: Any) -> Result:
    close_old_connections()
    try:
        return function(*args)
    finally:
        close_old_connections()
