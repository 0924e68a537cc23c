"""A worker's concurrent calls: what they share, and what is separate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any, cast

import pytest
from django.db import OperationalError

from core.db import retry
from core.http import request_ids
from predictions.execution.provider_calls import Calls
from predictions.execution.provider_calls import calls as kept_or_not
from predictions.providers.base import Provider


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
        return self._open.get(), request_ids.current()


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
        found.append((answer[1], request_ids.current()))

    for request in ("request-1", "", "request-2"):
        with request_ids.bound(request):
            calls.add(provider.ask(), note, cast(Provider, provider))
    calls.until_done(lambda: None, 1.0)
    assert sorted(found) == [("", ""), ("request-1", "request-1"), ("request-2", "request-2")]


@pytest.mark.django_db(transaction=True)
def test_answers_are_received_while_what_came_before_them_waits_for_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "is_away", lambda _error: True)
    first_is_here, came, noted = asyncio.Event(), list[str](), list[str]()

    async def first() -> str:
        first_is_here.set()
        return "first"

    async def second() -> str:
        await first_is_here.wait()
        # After the first was handed on.
        await asyncio.sleep(0.01)
        came.append("second")
        return "second"

    def note(answer: str) -> None:
        def write() -> None:
            if not came:
                raise OperationalError("The server is away until the second answer has come.")
            noted.append(answer)

        retry.run(write)

    with kept_or_not() as mine:
        mine.add(second(), note)
        mine.add(first(), note)
        mine.until_done(lambda: None, 60.0)
    assert noted == ["first", "second"]


@pytest.mark.django_db(transaction=True)
def test_what_was_to_be_sent_is_sent_while_the_next_waits_for_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "is_away", lambda _error: True)
    sent = list[str]()

    async def send() -> None:
        sent.append("sent")

    def prepare() -> None:
        if not sent:
            raise OperationalError("The server is away until the first is sent.")

    with kept_or_not() as mine:
        mine.add(send(), lambda _answer: None)
        retry.run(prepare)
        mine.until_done(lambda: None, 60.0)
    assert sent == ["sent"]
