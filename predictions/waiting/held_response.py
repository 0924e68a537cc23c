"""Answers that come later. A view stays synchronous; what it wants to wait for is awaited outside of it.

While a request is held it has neither a thread nor a database connection: the server gives both back as soon as the
view has returned its `HeldResponse`, waits on its event loop, and sends what `until` yields.
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
    """The answer for the case that nothing may be held, and in `until` how a later one comes about.

    Whatever middleware puts on it (headers, cookies) is put on the later answer too, where that does not say otherwise.
    `until` runs on the server's event loop: it must not touch the database but through `in_thread`. It gives a whole
    answer, rendered and not streamed. Where it fails, this first answer is sent: what was asked for has been done.
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
    """`now`, held until the prediction ends or `seconds` have passed; `answer` then makes the answer of its row.

    `token`: the API token of who asks, by its primary key. Once it opens nothing any more they are told no more than
    `now`, at once.

    The row comes with model and version (`predictions.queries`) and may be shared: `answer` changes nothing of it.
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
    """Call synchronous code that may use the database from the event loop; its connection is given back after it."""
    run = _runner or partial(_without_server)
    result: Result = await run(_with_clean_connections, function, *args)
    return result


def set_runner(runner: Runner | None) -> None:
    """Name the server's threads, `runner(function, *args)`, for `in_thread`; without one a thread is made each time."""
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
