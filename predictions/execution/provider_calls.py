"""A worker's calls to providers: one event loop, whose connections are kept from one call to the next.

What is under way runs side by side on the loop; what is made of each answer runs while the loop stands, so that it may
ask the database. Where that one is away for a moment the loop runs on: answers that come meanwhile are received, and
handed on once the database is back. A process that was told to `keep` has one loop for all its life, any other one for
each round.
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

ASIDE = 2
"""Threads for what blocks, such as waiting for a process that looks at a picture."""


@dataclass(frozen=True)
class _Call:
    coroutine: Coroutine[Any, Any, Any]
    then: Callable[[Any], None]
    provider: Provider | None
    request_id: str
    """Of whoever asked for the call: it and what is made of its answer are logged as done for the same request."""


class Calls:
    """Calls under way, and what is to be made of each answer. Used by one thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._sessions = Sessions()
        self._aside = ThreadPoolExecutor(ASIDE, thread_name_prefix="aside")
        self._new: list[_Call] = []
        self._under_way: dict[asyncio.Task[Any], _Call] = {}

    def add(
        self, coroutine: Coroutine[Any, Any, T], then: Callable[[T], None], provider: Provider | None = None
    ) -> None:
        """Make a call from the next `until_done` on, and `then`, outside of the loop, something of its answer.

        The coroutine must not raise. Connections to `provider` are kept.
        """
        self._new.append(_Call(coroutine, then, provider, request_ids.current()))

    def until_done(self, meanwhile: Callable[[], None], every_s: float) -> None:
        """Wait until nothing is under way, also what `then` adds; call `meanwhile` every so many seconds."""
        due = time.monotonic() + every_s
        while self._new or self._under_way:
            for task in self._runner.run(self._next(max(due - time.monotonic(), 0.0))):
                call = self._under_way.pop(task)
                with request_ids.bound(call.request_id):
                    call.then(task.result())
            if time.monotonic() >= due:
                meanwhile()
                due = time.monotonic() + every_s

    def wait(self, seconds: float) -> None:
        """Let what was added go on for so long, and take no answer yet. Outside of the loop only."""
        self._runner.run(self._go_on(seconds))

    def aside(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Run what blocks in a thread; awaited on the loop."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self._aside, partial(context.run, function, *args))

    def close(self) -> None:
        """End what is under way, and the connections."""
        for call in self._new:
            call.coroutine.close()
        self._new.clear()
        try:
            for task in self._under_way:
                task.cancel()
            self._runner.run(self._sessions.close())
        finally:
            self._runner.close()
            self._aside.shutdown(wait=False, cancel_futures=True)

    async def _begin_new(self) -> None:
        new, self._new = self._new, []
        for call in new:
            if call.provider is not None:
                await self._sessions.keep(call.provider)
            self._under_way[asyncio.create_task(_within_request(call))] = call

    async def _go_on(self, seconds: float) -> None:
        await self._begin_new()
        await asyncio.sleep(seconds)

    async def _next(self, seconds: float) -> set[asyncio.Task[Any]]:
        await self._begin_new()
        done, _pending = await asyncio.wait(
            self._under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        return done


async def _within_request(call: _Call) -> Any:
    # In the context of the loop, where a provider finds the connections that `Sessions` keeps.
    with request_ids.bound(call.request_id):
        return await call.coroutine


_keeps = False
_of_thread = threading.local()


def keep() -> None:
    """From now on each thread of this process that makes calls keeps its loop and its connections."""
    global _keeps
    _keeps = True


@contextlib.contextmanager
def calls() -> Iterator[Calls]:
    """The calls of this thread. What breaks out of the block ends all that is under way, and the connections."""
    if not _keeps:
        with contextlib.closing(Calls()) as made, retry.waiting_by(made.wait):
            yield made
        return
    kept: Calls | None = getattr(_of_thread, "calls", None)
    if kept is None:
        kept = _of_thread.calls = Calls()
    try:
        with retry.waiting_by(kept.wait):
            yield kept
    except BaseException:
        _of_thread.calls = None
        kept.close()
        raise
