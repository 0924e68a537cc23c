"""Hints between processes: they save time where they come, and nothing is lost where they do not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection, transaction

from accounts.models import User
from core.jobs import wakeups
from predictions import lifecycle
from predictions.execution import task_queue
from predictions.waiting.waiters import Reader
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.upstreams.upstream_fixtures import accept

LONG_S = 60.0


@pytest.fixture(autouse=True)
def data(settings: LazySettings, tmp_path: Path) -> Path:
    """A data folder of its own."""
    settings.DATA = tmp_path
    return tmp_path


def test_a_listener_receives_each_message_once_and_before_its_timeout() -> None:
    one, other = wakeups.Listener("ended"), wakeups.Listener("work")
    for what in ("a", "b", "a"):
        wakeups.send("ended", what)
    assert one.wait(LONG_S) == ["a", "b"]
    assert other.wait(0.0) == []
    one.close()
    other.close()


def test_sending_to_a_full_listener_does_not_block(data: Path) -> None:
    wakeups.send("ended", "nobody has ever listened")
    ear = wakeups.Listener("ended")
    for _ in range(10_000):
        wakeups.send("ended", "x" * 200)
    assert ear.wait(0.0) == ["x" * wakeups.MAX_HINT]
    ear.close()
    wakeups.send("ended", "nobody listens any more")
    # The socket of a killed process is removed by the next sender.
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(data / "hints" / f"ended-4711.{wakeups.machine()}"))
    dead.close()
    wakeups.send("ended", "x")
    assert os.listdir(data / "hints") == []


def test_a_folder_whose_path_is_too_long_has_no_hints(settings: LazySettings, tmp_path: Path) -> None:
    settings.DATA = tmp_path / ("x" * 120)
    with pytest.raises(OSError):
        wakeups.Listener("work")
    wakeups.send("work")


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_is_hinted_at_once_it_is_committed_and_not_before() -> None:
    ear = wakeups.Listener(wakeups.WORK)
    with transaction.atomic():
        task_queue.wake("start")
        assert ear.wait(0.0) == []
    assert ear.wait(LONG_S) == [""]
    ear.close()


@pytest.mark.django_db(transaction=True)
def test_who_creates_and_who_ends_a_prediction_says_so(alice: User, provider: FakeProvider) -> None:
    work, ended = wakeups.Listener(wakeups.WORK), wakeups.Listener(wakeups.ENDED)
    prediction = accept(alice, factories.make_version())
    assert (work.wait(LONG_S), ended.wait(0.0)) == ([""], [])
    lifecycle.cancel(prediction.public_id)
    assert ended.wait(LONG_S) == [prediction.public_id]
    work.close()
    ended.close()


@pytest.mark.django_db(transaction=True)
def test_a_waiter_hears_of_the_end_long_before_it_would_look_again(
    alice: User, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    prediction = accept(alice, factories.make_version())
    reader, looked = Reader(limit=10, tick=3600.0), threading.Event()
    own = reader._poll

    def look() -> float:
        used = own()
        looked.set()
        return used

    monkeypatch.setattr(reader, "_poll", look)

    def end() -> None:
        # Its first look has found nothing, and the next is an hour away.
        assert looked.wait(LONG_S)
        _until(lambda: any(data.glob("hints/ended-*")))
        with contextlib.closing(connection):
            lifecycle.cancel(prediction.public_id)

    async def wait() -> bool | None:
        ending = asyncio.create_task(asyncio.to_thread(end))
        result = await reader.wait(prediction.public_id, LONG_S, lambda row: row.is_ended)
        await ending
        return result

    assert asyncio.run(wait()) is True
    reader.close()
    # With its connection, which the end of the tests' database would wait for.
    assert reader._thread is not None
    reader._thread.join(LONG_S)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
