"""The watcher's loop: it sees ends and progress, sleeps when idle, and no provider delays another."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import F
from django.utils import timezone

from accounts.models import Account, User
from predictions import lifecycle, tasks
from predictions.execution import watcher
from predictions.lifecycle.leases import POLL_LEASE
from predictions.models import Prediction, Version
from predictions.providers.base import Job, ProviderError, Update
from tests import factories, fakes
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams, fresh

__all__ = ["fake_upstreams"]

pytestmark = pytest.mark.django_db(transaction=True)


@contextlib.contextmanager
def watching(count: int = 1) -> Iterator[None]:
    """So many watchers, each in a thread as in a process of its own."""
    stop = threading.Event()

    def run() -> None:
        try:
            watcher.run(stop)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def until(met: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def working(**fields: object) -> Update:
    return Update("processing", **fields)  # type: ignore[arg-type]


def test_it_notes_news_and_stores_the_end(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    only.updates = [working(logs="a\n"), working(logs="a\nb\n", progress=0.5), fakes.done()]
    prediction = accept(alice, version)
    tasks.start()
    seen: set[str] = set()

    def is_done() -> bool:
        row = fresh(prediction)
        seen.add(row.logs)
        return row.phase == "result"

    with watching():
        until(is_done)
    assert "a\nb\n" in seen


def test_where_nothing_happens_it_asks_ever_less_often_and_writes_nothing(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    only, asked = fake_upstreams.add("only"), []
    monkeypatch.setattr(watcher, "FIRST_S", 0.05)
    # So much that no hiccup of the machine turns two pauses round.
    monkeypatch.setattr(watcher, "GROWTH", 7.0)

    async def check(job: Job) -> Update:
        asked.append(time.monotonic())
        return working()

    only.check = check  # type: ignore[method-assign]
    prediction = accept(alice, version)
    tasks.start()
    with watching():
        until(lambda: len(asked) >= 4)
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked[1:])]
    assert pauses == sorted(pauses)
    assert fresh(prediction).revision == 1


def test_a_service_that_hangs_delays_no_other(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    slow, quick = fake_upstreams.add("slow", priority=1, limit=1), fake_upstreams.add("quick", priority=2)

    let_go = threading.Event()

    async def hang(job: Job) -> Update:
        while not let_go.is_set():
            await asyncio.sleep(0.02)
        return working()

    slow.check = hang  # type: ignore[method-assign]
    stuck, other = accept(alice, version), accept(alice, version)
    tasks.start()
    rows = {fresh(one).provider: one for one in (stuck, other)}
    with watching():
        until(lambda: fresh(rows[quick.name]).phase == "result", 60)
        let_go.set()
    assert fresh(rows[slow.name]).phase == "running"


def test_a_service_that_cannot_be_asked_is_asked_again_after_the_pause_it_wants(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    only.updates = [ProviderError("busy", permanent=False, retry_after=30)]
    prediction = accept(alice, version)
    tasks.start()
    with watching():
        until(lambda: not only.updates)
    row = Prediction.objects.annotate(wait=F("look_at") - F("job_seen_at")).get(pk=prediction.pk)
    assert row.phase == "running" and row.wait.total_seconds() > 20


def test_a_service_that_never_answers_a_look_is_asked_ever_less_often(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    only, pauses = fake_upstreams.add("only"), []
    monkeypatch.setattr(watcher, "ERROR_PAUSE_S", 0.01)
    only.updates = [ProviderError("500", permanent=False) for _ in range(50)]
    write = lifecycle.poll_all_later

    def note(pks: list[int], pause: float) -> None:
        pauses.append(pause)
        write(pks, pause)

    monkeypatch.setattr(lifecycle, "poll_all_later", note)
    accept(alice, version)
    tasks.start()
    with watching():
        until(lambda: len(pauses) >= 6)
    assert pauses == [pytest.approx(0.01 * watcher.GROWTH**n) for n in range(len(pauses))]


def test_two_watchers_share_the_work_and_end_each_prediction_once(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only", limit=100)
    Account.objects.update(in_flight_limit=100)
    rows = [accept(alice, version) for _ in range(20)]
    for _ in range(3):
        tasks.start()
    with watching(2):
        until(lambda: not Prediction.objects.filter(phase="running").exists())
    assert Prediction.objects.filter(phase="result").count() == len(rows) == len(only.orders)


def test_what_a_watcher_took_and_never_reported_is_due_again(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("only")
    prediction = accept(alice, version)
    tasks.start()
    taken = lifecycle.claim_polls()
    assert [look.pk for look in taken] == [prediction.pk] and lifecycle.claim_polls() == []
    # Its watcher was killed; the lease is all that is left of it.
    Prediction.objects.update(look_at=F("look_at") - timedelta(seconds=POLL_LEASE))
    with watching():
        until(lambda: fresh(prediction).phase == "result")


def test_what_is_overdue_of_a_slow_service_hides_no_other(alice: User, version: Version) -> None:
    long_ago = timezone.now() - timedelta(minutes=1)
    common: dict[str, Any] = {"status": "processing", "phase": "running"}
    for _ in range(6):
        factories.make_prediction(alice, version, provider="slow", look_at=long_ago, **common)
    other = factories.make_prediction(alice, version, provider="quick", look_at=timezone.now(), **common)
    room = {"slow": 1, "quick": 1}

    def lease(look: lifecycle.DuePoll) -> float | None:
        room[look.provider] -= 1
        return 10.0 if room[look.provider] >= 0 else None

    taken = lifecycle.claim_polls(5, lease)
    assert [look.provider for look in taken] == ["slow", "quick"] and taken[1].pk == other.pk
    assert Prediction.objects.filter(look_at__gt=timezone.now()).count() == 2
