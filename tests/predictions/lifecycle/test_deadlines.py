"""Deadlines and limits: each end repeats its condition in the UPDATE; a row that cannot end hides no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import MICRO, User
from core.db import due_rows
from predictions import lifecycle, tasks
from predictions.lifecycle import completion
from predictions.lifecycle.completion import PreparedOutput
from predictions.models import (
    Output,
    Phase,
    Prediction,
    Status,
    StoredFile,
    UpstreamKey,
    UpstreamRun,
    Version,
)
from predictions.providers.base import AnswerLost, Job
from predictions.submit import acceptance, work_request
from tests import factories
from tests.fakes import FakeProvider
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, fake_upstreams

__all__ = ["fake_upstreams"]
pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timezone.now() - timedelta(days=1)
GROWS = {
    "type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output",
    "x-cog-array-type": "iterator",
}  # fmt: skip


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.select_related("model", "version", "price").get(pk=prediction.pk)


@contextmanager
def before_the_update(happens: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something that happens at the last moment: after whatever an end has read, before its UPDATE."""
    end: Any = completion._end

    def late(*args: Any, **kwargs: Any) -> bool:
        monkeypatch.setattr(completion, "_end", end)
        happens()
        return bool(end(*args, **kwargs))

    monkeypatch.setattr(completion, "_end", late)
    yield
    monkeypatch.setattr(completion, "_end", end)


# -- what was shown until the end ----------------------------------------------------------------------------


@pytest.fixture
def running(alice: User, provider: FakeProvider) -> Prediction:
    """Alice's prediction of a model whose list of pictures grows, at work, with nothing shown yet."""
    version = factories.make_version(output_schema=GROWS, unit="run")
    prediction = acceptance.accept(
        work_request.Request(account=alice.account, user=alice, version=version, input={"prompt": "a cat"})
    )
    tasks.start()
    return fresh(prediction)


ENDS: dict[str, Callable[[Prediction], object]] = {
    "cancel": lambda row: lifecycle.cancel(row.public_id),
    "failure": lambda row: lifecycle.fail(row.pk, "It broke."),
    "failure there": lambda row: lifecycle.fail_running(row, "It broke."),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_picture_that_is_shown_while_the_end_is_on_its_way_goes_with_it(
    running: Prediction, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = factories.make_stored_file(state=StoredFile.State.PENDING)
    shown = PreparedOutput(0, "a.png", "a" * 40, file, None, None, "#c03020", "")
    with before_the_update(lambda: lifecycle.show(running, [shown]), monkeypatch):
        ENDS[how](running)
    ended = fresh(running)
    assert (ended.phase, ended.output, ended.charge) == (Phase.ENDED, None, 0)
    assert not Output.objects.exists()
    file.refresh_from_db()
    assert file.state == StoredFile.State.DOOMED


# -- what moved on since it was listed -----------------------------------------------------------------------


def test_what_was_begun_since_its_limit_was_seen_is_not_failed(
    alice: User, version: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = factories.make_prediction(alice, version, must_end_by=LONG_AGO)

    def begin() -> None:
        (claimed,) = lifecycle.claim_starts(1)
        assert lifecycle.begin(claimed.prediction, claimed.claim, Job("job"), 600)

    with before_the_update(begin, monkeypatch):
        lifecycle.expire()
    row = fresh(waiting)
    assert (row.status, row.phase, row.error) == (Status.PROCESSING, Phase.RUNNING, None)
    assert factories.account_of(alice).held == row.ceiling


def test_what_is_past_its_limit_is_failed_in_words_that_fit_where_it_stood(
    alice: User, version: Version
) -> None:
    waited = factories.make_prediction(alice, version, must_end_by=LONG_AGO)
    worked = factories.make_prediction(
        alice, version, status="processing", phase=Phase.RUNNING, must_end_by=LONG_AGO
    )
    lifecycle.expire()
    assert fresh(waited).error == "Nothing could take this prediction in time. Nothing was charged."
    assert "longer than this server allows" in str(fresh(worked).error)


@pytest.mark.parametrize("phase", [Phase.CLAIMED, Phase.COLLECTING])
def test_a_lease_that_is_renewed_at_the_last_moment_is_left_alone(
    alice: User, version: Version, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, phase: Phase
) -> None:
    row = factories.make_prediction(
        alice,
        version,
        status="processing" if phase == Phase.COLLECTING else "starting",
        phase=phase,
        claim="mine",
        lease_until=LONG_AGO,
        start_attempts=3,
        collect_attempts=3,
        provider="fake",
    )
    renew = lifecycle.renew if phase == Phase.COLLECTING else lifecycle.renew_start
    with before_the_update(lambda: renew(row, "mine"), monkeypatch):
        lifecycle.take_back()
    after = fresh(row)
    assert (after.phase, after.claim, after.error) == (phase, "mine", None)


def test_a_stray_whose_worker_renews_its_lease_at_the_last_moment_is_left_alone(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_upstreams.add("only").starts = [AnswerLost("gone")]
    prediction = factories.make_prediction(alice, version)
    (one,) = lifecycle.claim_starts(1)
    key = UpstreamKey.objects.get()
    UpstreamRun.objects.create(prediction=prediction, upstream=key.upstream, key=key, run=0)
    Prediction.objects.update(lease_until=LONG_AGO)
    with before_the_update(lambda: lifecycle.renew_start(one.prediction, one.claim), monkeypatch):
        lifecycle.take_back()
    assert fresh(prediction).phase == Phase.CLAIMED


def test_what_is_sent_again_at_the_last_moment_is_not_given_up(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_upstreams.add("only", idempotent=True).starts = [AnswerLost("gone")]
    prediction = factories.make_prediction(alice, version)
    tasks.start()
    UpstreamRun.objects.update(sent_at=LONG_AGO)
    Prediction.objects.update(not_before=None)
    with before_the_update(lambda: lifecycle.claim_starts(1), monkeypatch):
        lifecycle.give_up()
    assert fresh(prediction).phase == Phase.CLAIMED


# -- what cannot end hides nothing ---------------------------------------------------------------------------


def _many(user: User, version: Version, count: int, **values: Any) -> None:
    """Rows without holds: whoever tries to settle one breaks."""
    price = version.model.prices.get()
    common = {
        "account": factories.account_of(user), "user": user, "model": version.model, "version": version,
        "price": price, "ceiling": MICRO, "must_end_by": timezone.now() + timedelta(hours=1),
    }  # fmt: skip
    Prediction.objects.bulk_create(Prediction(**{**common, **values}) for _ in range(count))


def test_deadlines_that_can_be_kept_no_more_hide_none_that_can(alice: User, version: Version) -> None:
    waiting = factories.make_prediction(alice, version, deadline=LONG_AGO)
    _many(alice, version, 205, status="processing", phase=Phase.RESULT, deadline=LONG_AGO)
    for _ in range(3):
        lifecycle.expire()
    assert fresh(waiting).status == Status.ABORTED
    assert Prediction.objects.filter(phase=Phase.RESULT).count() == 205


def test_a_deadline_counts_again_where_the_result_was_lost(
    alice: User, version: Version, provider: FakeProvider
) -> None:
    row = factories.make_prediction(
        alice,
        version,
        status="processing",
        phase=Phase.COLLECTING,
        claim="mine",
        deadline=LONG_AGO,
        start_attempts=1,
    )
    assert lifecycle.expire() == 0
    assert lifecycle.lost(row, "mine")
    assert lifecycle.expire() == 1
    assert fresh(row).status == Status.CANCELED


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows one part takes: fewer than in service, for each that breaks is told at length."""
    monkeypatch.setattr(due_rows, "AT_ONCE", 12)
    return 12


@pytest.mark.parametrize("kind", ["deadline", "must_end_by"])
def test_ends_that_break_hide_none_that_does_not(
    alice: User, version: Version, at_once: int, kind: str
) -> None:
    _many(alice, version, at_once + 5, **{kind: LONG_AGO})
    good = factories.make_prediction(alice, version, **{kind: LONG_AGO})
    for _ in range(2):
        lifecycle.expire(60)
    assert fresh(good).is_ended
    assert Prediction.objects.filter(phase=Phase.WAITING).count() == at_once + 5


def test_leases_that_break_hide_none_that_does_not(alice: User, version: Version, at_once: int) -> None:
    lost = {"status": "processing", "phase": Phase.COLLECTING, "lease_until": LONG_AGO, "collect_attempts": 3}
    _many(alice, version, at_once, **lost)
    good = factories.make_prediction(alice, version, **lost)
    for _ in range(2):
        lifecycle.take_back(60)
    assert fresh(good).status == Status.FAILED


def test_a_part_that_has_no_time_left_is_gone_on_with_by_the_next(alice: User, version: Version) -> None:
    rows = [factories.make_prediction(alice, version, deadline=LONG_AGO) for _ in range(3)]
    for number in range(1, 4):
        assert lifecycle.expire(0) == 1
        assert [fresh(row).is_ended for row in rows] == [place < number for place in range(3)]


def test_a_row_that_somebody_keeps_locked_holds_back_no_other(alice: User, version: Version) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one lock, and no row has one of its own.")
    locked, free = (factories.make_prediction(alice, version, deadline=LONG_AGO) for _ in range(2))
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Prediction.objects.select_for_update().get(pk=locked.pk)
            held.set()
            done.wait(60)
        connection.close()

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert held.wait(30)
    lifecycle.expire(60)
    assert fresh(free).is_ended and not fresh(locked).is_ended
    done.set()
    holder.join(30)
    lifecycle.expire(60)
    assert fresh(locked).is_ended
