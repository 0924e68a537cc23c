"""One reader for all who wait: it wakes whom it concerns, and is silent when nobody waits."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from predictions import lifecycle
from predictions.models import Prediction
from predictions.running import waiting
from predictions.running.waiting import Reader
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def _ended(status: str, revision: int) -> bool:
    return status in {"succeeded", "failed"}


class Counting(Reader):
    """Counts how often it looks, and lets a test wait for that."""

    looks = 0
    context: Any = None

    def _look(self) -> None:
        super()._look()
        self.looks += 1
        Counting.context = marked.get(None)


marked: contextvars.ContextVar[str] = contextvars.ContextVar("marked")


@pytest.fixture
def reader() -> Iterator[Counting]:
    made = Counting(limit=100, tick=0.02)
    yield made
    made.close()
    if made._thread is not None:
        made._thread.join(5)


@pytest.fixture(autouse=True)
def _own_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(waiting, "TICK", 0.02)
    waiting.reset()
    yield
    waiting.reset()


def test_it_wakes_the_one_whose_prediction_ended(reader: Counting, alice: User) -> None:
    first, second = factories.make_prediction(alice), factories.make_prediction(alice)

    async def both() -> tuple[int | None, int | None]:
        waiters = [asyncio.create_task(reader.wait(p.public_id, _ended, 30)) for p in (first, second)]
        await asyncio.sleep(0.1)
        await asyncio.to_thread(lifecycle.fail, first.pk, "as the test wants it")
        found = await waiters[0]
        assert not waiters[1].done()
        reader.close()
        return found, await waiters[1]

    found, other = asyncio.run(both())
    assert found == Prediction.objects.get(pk=first.pk).revision
    assert other is None


def test_it_finds_one_that_had_ended_before(alice: User) -> None:
    prediction = factories.make_prediction(alice, status="succeeded")

    assert asyncio.run(waiting.until_ended(prediction.public_id, 30)) is True


def test_it_says_so_when_the_time_has_passed(alice: User) -> None:
    prediction = factories.make_prediction(alice)

    assert asyncio.run(waiting.until_ended(prediction.public_id, 0.05)) is False


@pytest.mark.parametrize("seconds", [0, -1])
def test_it_does_not_wait_for_no_time(alice: User, seconds: float) -> None:
    prediction = factories.make_prediction(alice, status="succeeded")

    assert asyncio.run(waiting.until_ended(prediction.public_id, seconds)) is False


def test_a_change_is_told_by_its_revision(alice: User) -> None:
    prediction = factories.make_prediction(alice)
    Prediction.objects.filter(pk=prediction.pk).update(revision=7)

    assert asyncio.run(waiting.changed(prediction.public_id, 3, 30)) == 7


def test_no_change_is_told_by_the_same_revision(alice: User) -> None:
    prediction = factories.make_prediction(alice)

    assert (
        asyncio.run(waiting.changed(prediction.public_id, prediction.revision, 0.05)) == prediction.revision
    )


def test_all_are_asked_for_in_one_query(
    reader: Counting, alice: User, django_assert_num_queries: Any
) -> None:
    predictions = [factories.make_prediction(alice) for _ in range(5)]

    async def look() -> None:
        waiters = [asyncio.create_task(reader.wait(p.public_id, _ended, 30)) for p in predictions * 3]
        await asyncio.sleep(0)
        await asyncio.to_thread(_look_once, reader)
        reader.close()
        await asyncio.gather(*waiters)

    def _look_once(reader: Counting) -> None:
        with django_assert_num_queries(1):
            Reader._look(reader)

    asyncio.run(look())


def test_more_than_allowed_do_not_wait(alice: User) -> None:
    reader = Reader(limit=2, tick=0.02)
    prediction = factories.make_prediction(alice)

    async def three() -> None:
        waiters = [asyncio.create_task(reader.wait(prediction.public_id, _ended, 30)) for _ in range(2)]
        await asyncio.sleep(0)
        assert not reader.has_room()
        assert await asyncio.wait_for(reader.wait(prediction.public_id, _ended, 30), 5) is None
        reader.close()
        assert await asyncio.gather(*waiters) == [None, None]

    asyncio.run(three())


def test_a_waiter_that_is_cancelled_makes_room(reader: Counting) -> None:
    async def cancel() -> None:
        waiter = asyncio.create_task(reader.wait("nobody", _ended, 30))
        await asyncio.sleep(0)
        assert reader.waiting == 1
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)

    asyncio.run(cancel())
    assert reader.waiting == 0


def test_it_is_silent_when_nobody_waits(reader: Counting) -> None:
    asyncio.run(reader.wait("nobody", _ended, 0.1))
    looked = reader.looks
    assert looked > 0

    asyncio.run(asyncio.sleep(0.2))

    assert reader.looks <= looked + 1


def test_it_starts_again_with_the_next_waiter(reader: Counting, alice: User) -> None:
    asyncio.run(reader.wait("nobody", _ended, 0.1))
    prediction = factories.make_prediction(alice, status="succeeded")

    assert asyncio.run(reader.wait(prediction.public_id, _ended, 30)) is not None


def test_it_keeps_nothing_of_the_request_that_came_first(reader: Counting) -> None:
    marked.set("of one request")

    asyncio.run(reader.wait("nobody", _ended, 0.1))

    assert Counting.context is None


def test_it_goes_on_after_the_database_was_away(reader: Counting, alice: User, monkeypatch: Any) -> None:
    prediction, failures = factories.make_prediction(alice, status="succeeded"), []
    look = Reader._look

    def fail_twice(self: Reader) -> None:
        if len(failures) < 2:
            failures.append(1)
            raise OSError("no database")
        look(self)

    monkeypatch.setattr(Counting, "_look", fail_twice)

    assert asyncio.run(reader.wait(prediction.public_id, _ended, 30)) is not None
    assert len(failures) == 2


def test_nobody_waits_after_the_end(reader: Counting) -> None:
    reader.close()

    assert asyncio.run(reader.wait("nobody", _ended, 30)) is None


def test_it_ends_its_thread(reader: Counting) -> None:
    asyncio.run(reader.wait("nobody", _ended, 0.05))
    thread = reader._thread
    assert isinstance(thread, threading.Thread)

    reader.close()
    thread.join(5)

    assert not thread.is_alive()
