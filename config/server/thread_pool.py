"""Thread pool of the web process: a fixed number of kept threads run the synchronous part of every request.

Django's own ASGI handler makes a thread pool for each request and destroys it afterwards, which costs several times as
much as a small answer itself. Threads that stay also keep their database connection where the database wants that
(SQLite), so an answer pays neither for a thread nor for opening a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")
_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Threads:
    """At most `limit` threads, started as they are needed and then kept. One event loop at a time submits to them."""

    def __init__(self, limit: int, name: str = "web") -> None:
        self.limit = limit
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    async def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call it in one of the threads and give what it returns or raises.

        A caller that is cancelled meanwhile does not interrupt the thread: what began there ends there.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._busy += 1
        if self._busy > len(self._threads) and len(self._threads) < self.limit:
            self._start_one()
        self._jobs.put((loop, future, function, args))
        return await future

    def close(self) -> None:
        """Let the threads end once they are idle. Connections kept in them are closed with them."""
        for _ in self._threads:
            self._jobs.put(None)
        self._threads.clear()

    def _start_one(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._perform(*job)
            # A waiting thread must not keep the last request and its answer in memory.
            del job
        _close_connections()

    def _perform(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> None:
        try:
            value, failed = function(*args), False
        except BaseException as error:
            value, failed = error, True
        # Where the loop is closed by now the server has ended, and nobody waits for the answer.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._deliver, future, value, failed)

    def _deliver(self, future: asyncio.Future[Any], value: Any, failed: bool) -> None:
        self._busy -= 1
        if future.done():
            return
        if failed:
            future.set_exception(value)
        else:
            future.set_result(value)


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()
