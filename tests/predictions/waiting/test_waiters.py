"""One reader for all who wait: it wakes whom it concerns, and is silent when nobody waits."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from predictions import lifecycle
from predictions.models import Prediction
from predictions.waiting import waiters
from predictions.waiting.waiters import Reader
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def _revision(prediction: Prediction) -> int:
    return prediction.revision


class Counting(Reader):
    """Counts how often it looks, and lets a test wait for that."""

    looks = 0
    context: Any = None

    def _poll(self) -> float:
        used = super()._poll()
        self.looks += 1
        Counting.context = marked.get(None)
        return used


marked: contextvars.ContextVar[str] = contextvars.ContextVar("marked")


@pytest.fixture
def reader() -> Iterator[Counting]:
    made = Counting(limit=100, tick=0.02)
    yield made
    made.close()
    if made._thread is not None:
        made._thread.join(60)


@pytest.fixture(autouse=True)
def _own_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(waiters, "TICK", 0.02)
    waiters.reset()
    yield
    waiters.reset()


def test_it_wakes_the_one_whose_prediction_ended(reader: Counting, alice: User) -> None:
    first, second = factories.make_prediction(alice), factories.make_prediction(alice)

    async def both() -> tuple[int | None, int | None]:
        waiters = [asyncio.create_task(reader.wait(p.public_id, 30, _revision)) for p in (first, second)]
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

    assert asyncio.run(waiters.until_ended(prediction.public_id, 30)) is True


def test_it_says_so_when_the_time_has_passed(alice: User) -> None:
    prediction = factories.make_prediction(alice)

    assert asyncio.run(waiters.until_ended(prediction.public_id, 0.05)) is False


@pytest.mark.parametrize("seconds", [0, -1])
def test_it_does_not_wait_for_no_time(alice: User, seconds: float) -> None:
    prediction = factories.make_prediction(alice, status="succeeded")

    assert asyncio.run(waiters.until_ended(prediction.public_id, seconds)) is False


def test_a_change_is_told_by_its_revision(alice: User) -> None:
    prediction = factories.make_prediction(alice)
    Prediction.objects.filter(pk=prediction.pk).update(revision=7)

    changed = asyncio.run(waiters.changed(prediction.public_id, 3, 30))

    assert changed is not None
    assert (changed.pk, changed.revision) == (prediction.pk, 7)


def test_no_change_is_told_by_nothing(alice: User) -> None:
    prediction = factories.make_prediction(alice)

    assert asyncio.run(waiters.changed(prediction.public_id, prediction.revision, 0.05)) is None


@pytest.mark.parametrize(
    ("ended", "queries"),
    [pytest.param(0, 1, id="none has ended"), pytest.param(5, 4, id="all have, read with model and version")],
)
def test_all_are_asked_for_together(
    alice: User, ended: int, queries: int, django_assert_num_queries: Any
) -> None:
    reader = Reader(limit=100, tick=3600)
    predictions = [factories.make_prediction(alice) for _ in range(5)]
    answers: list[Any] = []

    def look_once() -> None:
        for prediction in predictions[:ended]:
            lifecycle.fail(prediction.pk, "as the test wants it")
        with django_assert_num_queries(queries):
            reader._poll()

    async def look() -> None:
        reader._thread = threading.current_thread()
        names = [p.public_id for p in predictions * 3]
        waiters = [asyncio.create_task(reader.wait(name, 30, lambda row: row.model.ref)) for name in names]
        await asyncio.sleep(0)
        await asyncio.to_thread(look_once)
        reader.close()
        answers.extend(await asyncio.gather(*waiters))

    asyncio.run(look())
    assert answers == [row.model.ref if ended else None for row in predictions * 3]


def test_some_wait_for_the_end_and_others_for_a_change_of_the_same_prediction(
    reader: Counting, alice: User
) -> None:
    prediction = factories.make_prediction(alice)
    Prediction.objects.filter(pk=prediction.pk).update(revision=7)

    async def both() -> tuple[Any, Any, Any]:
        end = asyncio.create_task(reader.wait(prediction.public_id, 30, _revision))
        same = asyncio.create_task(reader.wait(prediction.public_id, 30, _revision, known=7))
        other = await reader.wait(prediction.public_id, 30, _revision, known=3)
        assert not end.done() and not same.done()
        await asyncio.to_thread(lifecycle.fail, prediction.pk, "as the test wants it")
        return other, await same, await end

    assert asyncio.run(both()) == (7, 8, 8)


def test_what_fails_while_an_answer_is_made_concerns_that_waiter_alone(reader: Counting, alice: User) -> None:
    prediction = factories.make_prediction(alice, status="succeeded")

    def fail(row: Prediction) -> int:
        raise ArithmeticError("of this answer")

    async def both() -> list[Any]:
        waits = (reader.wait(prediction.public_id, 30, make) for make in (fail, _revision))
        return await asyncio.gather(*waits, return_exceptions=True)

    broken, fine = asyncio.run(both())
    assert isinstance(broken, ArithmeticError)
    assert fine == prediction.revision


def test_it_looks_less_often_where_asking_takes_long(alice: User) -> None:
    began: list[float] = []

    class Slow(Reader):
        def _poll(self) -> float:
            began.append(time.monotonic())
            return 0.02

    reader = Slow(limit=1, tick=0.01)
    asyncio.run(reader.wait("nobody", 0.5, _revision))
    reader.close()

    assert len(began) >= 2
    assert all(later - earlier >= 0.18 for earlier, later in itertools.pairwise(began))


def test_more_than_allowed_do_not_wait(alice: User) -> None:
    reader = Reader(limit=2, tick=0.02)
    prediction = factories.make_prediction(alice)

    async def three() -> None:
        waiters = [asyncio.create_task(reader.wait(prediction.public_id, 30, _revision)) for _ in range(2)]
        await asyncio.sleep(0)
        assert not reader.has_room()
        assert await asyncio.wait_for(reader.wait(prediction.public_id, 30, _revision), 60) is None
        reader.close()
        assert await asyncio.gather(*waiters) == [None, None]

    asyncio.run(three())


def test_a_waiter_that_is_cancelled_makes_room(reader: Counting) -> None:
    async def cancel() -> None:
        waiter = asyncio.create_task(reader.wait("nobody", 30, _revision))
        await asyncio.sleep(0)
        assert reader.waiting == 1
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)

    asyncio.run(cancel())
    assert reader.waiting == 0


async def _looked_for(reader: Counting) -> None:
    """Wait for nobody until the reader has looked for him."""
    waiter = asyncio.create_task(reader.wait("nobody", 60, _revision))
    while not reader.looks:
        await asyncio.sleep(0.01)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)


def test_it_is_silent_when_nobody_waits(reader: Counting) -> None:
    asyncio.run(asyncio.wait_for(_looked_for(reader), 60))
    looked = reader.looks

    asyncio.run(asyncio.sleep(0.2))

    assert reader.looks <= looked + 1


def test_it_starts_again_with_the_next_waiter(reader: Counting, alice: User) -> None:
    asyncio.run(reader.wait("nobody", 0.1, _revision))
    prediction = factories.make_prediction(alice, status="succeeded")

    assert asyncio.run(reader.wait(prediction.public_id, 30, _revision)) is not None


def test_it_keeps_nothing_of_the_request_that_came_first(reader: Counting) -> None:
    marked.set("of one request")

    asyncio.run(asyncio.wait_for(_looked_for(reader), 60))

    assert Counting.context is None


def test_it_goes_on_after_the_database_was_away(reader: Counting, alice: User, monkeypatch: Any) -> None:
    prediction, failures = factories.make_prediction(alice, status="succeeded"), []
    look = Reader._poll

    def fail_twice(self: Reader) -> float:
        if len(failures) < 2:
            failures.append(1)
            raise OSError("no database")
        return look(self)

    monkeypatch.setattr(Counting, "_poll", fail_twice)

    assert asyncio.run(reader.wait(prediction.public_id, 30, _revision)) is not None
    assert len(failures) == 2


def test_nobody_waits_after_the_end(reader: Counting) -> None:
    reader.close()

    assert asyncio.run(reader.wait("nobody", 30, _revision)) is None


def test_it_ends_its_thread(reader: Counting) -> None:
    asyncio.run(reader.wait("nobody", 0.05, _revision))
    thread = reader._thread
    assert isinstance(thread, threading.Thread)

    reader.close()
    thread.join(60)

    assert not thread.is_alive()
