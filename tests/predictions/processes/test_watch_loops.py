"""Watcher and poster in one process: what happens to one is nothing to the other."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from accounts.models import User
from predictions import lifecycle
from predictions.execution import watcher
from predictions.models import Beat, Delivery, Version
from predictions.processes import watch_loops
from predictions.processes.heartbeat import Heartbeats
from predictions.webhooks import delivery_loop
from tests import fakes
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams, fresh
from tests.predictions.webhooks.delivery_fixtures import hooked
from tests.servers.installations import eventually

__all__ = ["fake_upstreams"]

pytestmark = pytest.mark.django_db(transaction=True)


@contextlib.contextmanager
def running() -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        watch_loops.run(stop)
        connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("how", ["awaits", "blocks its loop"])
def test_a_receiver_that_hangs_delays_no_look(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    only, let_go, reached = fake_upstreams.add("only"), threading.Event(), threading.Event()

    async def post(one: Any) -> Any:
        reached.set()
        if how == "awaits":
            await delivery_loop.asyncio.to_thread(let_go.wait, 60)
        else:
            let_go.wait(60)
        return delivery_loop._Outcome(200)

    monkeypatch.setattr(delivery_loop, "_post", post)
    states_fd = hooked(alice, version, "https://receiver.example/", "completed")
    lifecycle.cancel(states_fd.public_id)
    with running():
        assert reached.wait(30)
        prediction = accept(alice, version)
        fakes.start_once()
        eventually(lambda: fresh(prediction).phase == "result", 30)
        let_go.set()
        eventually(lambda: Delivery.objects.get(prediction=states_fd).state == "delivered", 30)
    assert only.orders


@pytest.mark.parametrize("name", ["watcher", "poster"])
def test_a_loop_that_breaks_is_begun_again_and_the_other_goes_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    modules = {"watcher": watcher, "poster": delivery_loop}
    for one, module in modules.items():
        own = module.run

        def run(*given: Any, one: str = one, own: Any = own) -> None:
            begun.append(one)
            if one == name and begun.count(one) == 1:
                raise RuntimeError("out of order")
            own(*given)

        monkeypatch.setattr(module, "run", run)
    with running():
        eventually(lambda: Beat.objects.filter(kind__in=modules).count() == 2, 30)
    assert sorted(begun) == sorted(["watcher", "poster", name])


def test_while_one_loop_hangs_the_process_gives_its_supervisor_no_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[float] = []
    monkeypatch.setattr("core.processes.programs.report_alive", lambda: given.append(time.monotonic()))
    monkeypatch.setattr("predictions.processes.heartbeat.EVERY_S", 0.2)
    signs = Heartbeats("watcher", "poster")
    signs.note("watcher")
    assert len(given) == 1
    time.sleep(0.3)
    signs.note("watcher")
    assert len(given) == 1
    signs.note("poster")
    assert len(given) == 2
