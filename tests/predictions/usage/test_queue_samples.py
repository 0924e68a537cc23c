"""Queue samples once a minute, and charts of any period from them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from predictions.models import Phase, QueueLook, Status, Version
from predictions.usage import queue_samples, time_series
from tests import factories


def test_a_look_says_how_the_queue_stands(alice: User, version: Version) -> None:
    now = timezone.now()
    factories.make_prediction(alice, version, created_at=now - timedelta(seconds=90))
    factories.make_prediction(alice, version, created_at=now - timedelta(seconds=10))
    for waited in (1, 2, 40):
        factories.make_prediction(
            alice,
            version,
            status=Status.PROCESSING,
            phase=Phase.RUNNING,
            created_at=now - timedelta(seconds=5 + waited),
            started_at=now - timedelta(seconds=5),
        )
    long_ago = now - timedelta(hours=1)
    factories.make_prediction(
        alice,
        version,
        status=Status.PROCESSING,
        phase=Phase.RUNNING,
        started_at=long_ago,
        created_at=long_ago,
    )
    look = queue_samples.current_sample()
    assert (look.waiting, look.running, look.start_p95_ms) == (2, 4, 40_000)
    assert 90 <= look.oldest_s <= 95


def test_an_empty_queue_has_nothing_to_say(db: None) -> None:
    look = queue_samples.current_sample()
    assert (look.waiting, look.running, look.oldest_s, look.start_p95_ms) == (0, 0, 0, None)


def test_one_look_a_minute_is_kept_however_many_look_and_old_ones_go(alice: User) -> None:
    old = QueueLook.objects.create(at=timezone.now() - queue_samples.RETENTION - timedelta(days=1))
    queue_samples.run_once()
    queue_samples.run_once()
    assert QueueLook.objects.count() == 1
    assert not QueueLook.objects.filter(pk=old.pk).exists()
    QueueLook.objects.update(at=timezone.now() - timedelta(seconds=60))
    queue_samples.run_once()
    assert QueueLook.objects.count() == 2


def test_of_a_long_period_the_worst_of_each_stretch_is_read(db: None) -> None:
    start = timezone.now() - timedelta(hours=2)
    for minute in range(120):
        QueueLook.objects.create(
            at=start + timedelta(minutes=minute, seconds=1),
            waiting=minute % 60,
            running=1,
            start_p95_ms=None if minute < 60 else minute,
        )
    found = time_series.queue(start, start + timedelta(hours=2), points=2)
    assert [(one.waiting, one.start_p95_ms) for one in found] == [(59, None), (59, 119)]
    assert len(time_series.queue(start, start + timedelta(hours=1))) == 60
