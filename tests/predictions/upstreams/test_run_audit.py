"""The audit reports contradictions between predictions and their runs at upstreams."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from predictions import lifecycle, tasks
from predictions.audit import upstream_runs
from predictions.models import Prediction, UpstreamRun, Version
from tests import fakes
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams

__all__ = ["fake_upstreams"]

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = "2020-01-01T00:00:00Z"


def found() -> list[str]:
    return [str(breach) for breach in upstream_runs.breaches()]


def test_a_life_from_start_to_end_has_nothing_to_find(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("only")
    prediction = accept(alice, version)
    assert found() == []
    for step in (tasks.start, fakes.watch_once, tasks.collect):
        step()
        assert found() == []
    assert Prediction.objects.get(pk=prediction.pk).status == "succeeded"


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda: UpstreamRun.objects.update(outcome="sent", sent_at=LONG_AGO), "nobody waits for its answer"),
        (lambda: UpstreamRun.objects.all().delete(), "was never sent it"),
        (lambda: Prediction.objects.update(upstream_open=False), "its slot there is free"),
    ],
)
def test_it_finds_what_was_made_to_differ(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, break_it: Callable[[], object], words: str
) -> None:
    fake_upstreams.add("only")
    accept(alice, version)
    tasks.start()
    assert found() == []
    break_it()
    assert any(words in text for text in found())


def test_it_finds_a_slot_that_nobody_gave_back(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("only").cancel_answer = False
    prediction = accept(alice, version)
    tasks.start()
    lifecycle.cancel(prediction.public_id)
    tasks.cancel()
    assert found() == []
    Prediction.objects.update(completed_at=LONG_AGO)
    assert any("is still taken" in text for text in found())
    # The workers give it up by then, and tell the operator.
    Prediction.objects.update(lease_until=None)
    tasks.cancel()
    assert found() == [] and UpstreamRun.objects.get().outcome == "lost"


def test_what_was_sent_and_forgotten_is_closed_by_the_sweep(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("only")
    prediction = accept(alice, version)
    tasks.start()
    lifecycle.fail(prediction.pk, "x", closed=True)
    UpstreamRun.objects.update(outcome="sent", sent_at=LONG_AGO)
    assert found()
    assert lifecycle.strays.close_forgotten() == 1
    assert found() == [] and UpstreamRun.objects.get().outcome == "lost"
