"""An unresponsive upstream blocks some of the workers, never all of them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from predictions import tasks
from predictions.execution import concurrency
from predictions.models import Phase, Prediction, Version
from predictions.providers.base import Job, Order, Update
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams  # noqa: F401
from tests.servers.installations import eventually
from tests.support import races

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 4


@pytest.fixture(autouse=True)
def workers(settings: Any, tmp_path: Path) -> None:
    settings.WORKERS, settings.UPSTREAM_TURNS = WORKERS, tmp_path / "turns"


def hang(upstream: FakeProvider) -> tuple[threading.Event, set[int]]:
    """Its starts are answered no sooner than the event is set; the set has the threads that wait for an answer."""
    answered, hanging = threading.Event(), set[int]()
    prompt = upstream.start

    async def start(order: Order) -> Job | Update:
        hanging.add(threading.get_ident())
        while not answered.is_set():
            await asyncio.sleep(0.01)
        return await prompt(order)

    upstream.start = start  # type: ignore[method-assign]
    return answered, hanging


def test_half_the_workers_go_on_with_other_work_while_an_upstream_hangs(
    alice: User,
    version: Version,
    fake_upstreams: FakeUpstreams,  # noqa: F811
) -> None:
    slow, quick = fake_upstreams.add("slow", limit=100, priority=1), fake_upstreams.add("quick", limit=100)
    other = factories.make_version(factories.make_model(name="other"))
    slow.models, quick.models = {version.model.ref}, {other.model.ref}
    for number in range(WORKERS * tasks.BATCH):
        factories.make_prediction(factories.make_user(f"s{number}"), version, ceiling=0)
    answered, hanging = hang(slow)
    ended: list[str] = []

    def worker() -> None:
        tasks.start()
        ended.append(threading.current_thread().name)

    waiting = [threading.Thread(target=races.together, args=([worker],)) for _ in range(WORKERS)]
    for thread in waiting:
        thread.start()
    try:
        # While a worker claims, it holds a turn of each upstream: only one that waits has given the others back.
        eventually(lambda: len(ended) == len(hanging) == WORKERS // 2)
        mine = accept(alice, other)
        tasks.start()
        assert Prediction.objects.get(pk=mine.pk).phase == Phase.RUNNING
        assert Prediction.objects.filter(model=version.model, phase=Phase.WAITING).exists()
    finally:
        answered.set()
        for thread in waiting:
            thread.join(60)
    tasks.start()
    assert not Prediction.objects.filter(phase=Phase.WAITING).exists()


def test_a_turn_is_given_back_also_by_a_worker_that_breaks() -> None:
    for _ in range(concurrency.max_per_upstream() + 1):
        with pytest.raises(ZeroDivisionError), concurrency.turns(["up"]) as mine:
            assert not mine.none_left
            raise ZeroDivisionError


def test_turns_that_are_not_needed_are_free_for_others() -> None:
    with (
        concurrency.turns(["up", "down"]) as first,
        concurrency.turns(["up"]),
        concurrency.turns(["up"]) as third,
    ):
        assert third.none_left == {"up"}
        first.keep({"down"})
        with concurrency.turns(["up", "down"]) as fourth:
            assert not fourth.none_left
