"""A worker's concurrent calls to providers, on one event loop with persistent connections.

Calls run concurrently on the loop; the callback for each response runs while the loop is paused, so it may use the
database. While the database is unavailable the loop continues: responses are received, and passed on once it is back.
A process that has called `keep` uses one loop for its lifetime; any other uses one per round.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from core.db import retry
from core.http import request_ids
from predictions.providers.base import Provider
from predictions.providers.http_sessions import Sessions

T = TypeVar("T")

THREADS = 2
"""Threads for blocking functions, such as waiting for a process that inspects an image."""


@dataclass(frozen=True)
class _Call:
    coroutine: Coroutine[Any, Any, Any]
    then: Callable[[Any], None]
    provider: Provider | None
    request_id: str
    """The id of the request that caused the call; log lines of the call and its callback carry it."""


class Calls:
    """Pending calls and the callbacks for their responses. Used by one thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._sessions = Sessions()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="aside")
        self._new: list[_Call] = []
        self._pending: dict[asyncio.Task[Any], _Call] = {}

    def add(
        self, coroutine: Coroutine[Any, Any, T], then: Callable[[T], None], provider: Provider | None = None
    ) -> None:
        """Add a call that begins with the next `until_done`; `then` gets its result, outside the loop.

        The coroutine must not raise. Connections to `provider` are kept open.
        """
        self._new.append(_Call(coroutine, then, provider, request_ids.current()))

    def until_done(self, meanwhile: Callable[[], None], every_s: float) -> None:
        """Run until no call is pending, those that `then` adds included; call `meanwhile` every `every_s` seconds."""
        due = time.monotonic() + every_s
        while self._new or self._pending:
            for task in self._runner.run(self._next(max(due - time.monotonic(), 0.0))):
                call = self._pending.pop(task)
                with request_ids.bound(call.request_id):
                    call.then(task.result())
            if time.monotonic() >= due:
                meanwhile()
                due = time.monotonic() + every_s

    def wait(self, seconds: float) -> None:
        """Run the loop for `seconds` without invoking callbacks. Outside the loop only."""
        self._runner.run(self._go_on(seconds))

    def run_in_thread(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Run a blocking function in a thread; await the future on the loop."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(
            self._threads, partial(context.run, function, *args)
        )

    def close(self) -> None:
        """Cancel pending calls and close the connections."""
        for call in self._new:
            call.coroutine.close()
        self._new.clear()
        try:
            for task in self._pending:
                task.cancel()
            self._runner.run(self._sessions.close())
        finally:
            self._runner.close()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _begin_new(self) -> None:
        new, self._new = self._new, []
        for call in new:
            if call.provider is not None:
                await self._sessions.keep(call.provider)
            self._pending[asyncio.create_task(_within_request(call))] = call

    async def _go_on(self, seconds: float) -> None:
        await self._begin_new()
        await asyncio.sleep(seconds)

    async def _next(self, seconds: float) -> set[asyncio.Task[Any]]:
        await self._begin_new()
        done, _pending = await asyncio.wait(
            self._pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        return done


async def _within_request(call: _Call) -> Any:
    # In the loop's context, where a provider finds the connections that `Sessions` keeps.
    with request_ids.bound(call.request_id):
        return await call.coroutine


_kept_open = False
_thread_local = threading.local()


def keep() -> None:
    """Make each calling thread of this process keep its loop and connections from now on."""
    global _kept_open
    _kept_open = True


@contextlib.contextmanager
def calls() -> Iterator[Calls]:
    """The calls of this thread. An exception out of the block cancels pending calls and closes the connections."""
    if not _kept_open:
        with contextlib.closing(Calls()) as new_calls, retry.waiting_by(new_calls.wait):
            yield new_calls
        return
    calls_of_thread: Calls | None = getattr(_thread_local, "calls", None)
    if calls_of_thread is None:
        calls_of_thread = _thread_local.calls = Calls()
    try:
        with retry.waiting_by(calls_of_thread.wait):
            yield calls_of_thread
    except BaseException:
        _thread_local.calls = None
        calls_of_thread.close()
        raise
