"""A worker's calls: what they share, and what each of them has of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any, cast

import pytest

from accounts import tracing
from predictions.providers.base import Provider
from predictions.running.calls import Calls


class Connected:
    """A provider that keeps its connection as the engine's does: in the context of whoever opened a session."""

    name = "connected"

    def __init__(self) -> None:
        self.opened = 0
        self._open: ContextVar[int] = ContextVar("connection", default=0)

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        self.opened += 1
        token = self._open.set(self.opened)
        try:
            yield
        finally:
            self._open.reset(token)

    async def ask(self) -> tuple[int, str]:
        """The connection that a call finds, and the request that it is made for."""
        return self._open.get(), tracing.current()


@pytest.fixture
def calls() -> Iterator[Calls]:
    with contextlib.closing(Calls()) as made:
        yield made


def test_all_calls_to_a_provider_use_the_connection_that_is_kept(calls: Calls) -> None:
    provider, found = Connected(), list[Any]()
    for _round in range(2):
        for _call in range(2):
            calls.add(provider.ask(), found.append, cast(Provider, provider))
        calls.until_done(lambda: None, 1.0)
    assert found == [(1, "")] * 4 and provider.opened == 1


def test_each_call_and_what_is_made_of_its_answer_belong_to_the_request_that_asked_for_it(
    calls: Calls,
) -> None:
    provider, found = Connected(), list[Any]()

    def note(answer: tuple[int, str]) -> None:
        found.append((answer[1], tracing.current()))

    for request in ("request-1", "", "request-2"):
        with tracing.bound(request):
            calls.add(provider.ask(), note, cast(Provider, provider))
    calls.until_done(lambda: None, 1.0)
    assert sorted(found) == [("", ""), ("request-1", "request-1"), ("request-2", "request-2")]
