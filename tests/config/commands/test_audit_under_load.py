"""The audit runs while predictions are made, and must not take work under way for a breach."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from accounts import credits
from accounts.models import MICRO
from config.management.commands.audit import all_breaches
from predictions import lifecycle
from predictions.models import Prediction, Version
from tests import factories
from tests.runner.sampling import short_or_whole
from tests.support.races import together

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = short_or_whole(6, 15)


def work(username: str, version: Version, rounds: int) -> int:
    """Accept and call off predictions, and move credits by hand between."""
    user = factories.make_user(username, credit=50)
    for number in range(rounds):
        prediction = factories.make_prediction(user, version)
        credits.adjust(factories.account_of(user), MICRO, reason=f"round {number}", actor=None)
        lifecycle.cancel(prediction.public_id)
    return rounds


def look(stop: threading.Event) -> list[str]:
    """Audit until told to stop, and once more."""
    found: list[str] = []
    while not stop.is_set():
        found += map(str, all_breaches(quick=True))
    return found + [str(breach) for breach in all_breaches(quick=True)]


def test_it_finds_nothing_wrong_while_credits_move() -> None:
    version, stop, left = factories.make_version(), threading.Event(), threading.Semaphore(0)

    def worker(name: str) -> int:
        try:
            return work(name, version, ROUNDS)
        finally:
            left.release()

    def closer() -> None:
        for _number in range(3):
            left.acquire(timeout=100)
        stop.set()

    results = together([*(partial(worker, f"worker{n}") for n in range(3)), closer, partial(look, stop)])
    assert results == [ROUNDS] * 3 + [None, []]
    assert Prediction.objects.count() == 3 * ROUNDS
