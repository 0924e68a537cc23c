"""The sweep's round: no step that hangs, breaks or has much to do keeps another from its turn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import User
from core.jobs import scheduler
from predictions import lifecycle
from predictions.files import removal
from predictions.models import Beat, Prediction, StoredFile, Version
from predictions.processes import sweep
from tests import factories
from tests.servers.installations import eventually

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timezone.now() - timedelta(days=2)


def running(stop: threading.Event) -> threading.Thread:
    def run() -> None:
        sweep.run(stop)
        connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def ended(row: Prediction) -> Callable[[], bool]:
    return lambda: Prediction.objects.get(pk=row.pk).is_ended


def test_a_disk_that_hangs_holds_back_no_limit(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, hangs = threading.Event(), threading.Event()
    monkeypatch.setattr(scheduler, "jobs", list)
    monkeypatch.setattr(removal, "remove_unowned", lambda: hangs.wait(60))
    StoredFile.objects.create(key="doomed/one.png", state=StoredFile.State.DOOMED)
    sweeper = running(stop)
    try:
        eventually(lambda: Beat.objects.filter(kind="sweep").exists(), 30)
        late = factories.make_prediction(alice, version, deadline=LONG_AGO)
        eventually(ended(late), 30)
    finally:
        hangs.set()
        stop.set()
        sweeper.join(30)
    assert not sweeper.is_alive()


def test_a_step_that_breaks_stops_no_other(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = factories.make_prediction(alice, version, deadline=LONG_AGO)
    monkeypatch.setattr(lifecycle, "take_back", _breaks)
    monkeypatch.setattr(lifecycle, "give_up", _breaks)
    sweep.run_once()
    assert ended(late)()


def test_a_round_says_whether_a_step_left_rows_over(
    alice: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [factories.make_prediction(alice, version, deadline=LONG_AGO) for _ in range(2)]
    monkeypatch.setattr(lifecycle.expire, "__defaults__", (0.0,))
    monkeypatch.setattr(sweep, "PART_S", 0.0)
    assert sweep.run_once() and sweep.run_once()
    assert all(ended(row)() for row in late)
    assert not sweep.run_once()


def test_old_rows_go_however_many_there_are(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "PRUNED_AT_ONCE", 2)
    for number in range(5):
        Beat.objects.create(kind="web", instance=f"gone-{number}")
    Beat.objects.update(at=LONG_AGO)
    Beat.objects.create(kind="web", instance="here")
    sweep.prune()
    assert list(Beat.objects.values_list("instance", flat=True)) == ["here"]


def _breaks() -> int:
    raise RuntimeError("out of order")
