"""Results within the response to a start: collected in the same round, or by others where that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from accounts.models import MICRO, Account, LedgerEntry, User
from predictions import lifecycle, tasks
from predictions.execution import collector, provider_calls, starts
from predictions.execution.provider_calls import Calls, calls
from predictions.models import Delivery, Output, Prediction, StoredFile, UpstreamRun, Version
from predictions.providers.base import Job, OutputRef, ProviderError, Update
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.upstreams.upstream_fixtures import FakeUpstreams, accept, fake_upstreams, fresh

__all__ = ["fake_upstreams"]

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = factories.picture()


@pytest.fixture
def version(db: None) -> Version:
    """A version that gives a list of pictures at a credit each."""
    return factories.make_version()


@pytest.fixture
def quick(fake_upstreams: FakeUpstreams) -> FakeProvider:
    """An upstream that answers each start with its finished picture."""
    only = fake_upstreams.add("only", limit=100)
    only.starts = [_finished() for _ in range(100)]
    only.files = {"a": PICTURE}
    return only


def _finished(*addresses: str, **fields: Any) -> Update:
    refs = [OutputRef(f"out-{n}.png", "image/png", one) for n, one in enumerate(addresses or ("a",))]
    return Update("succeeded", output=refs, job_id="theirs", **fields)


def _end_leases() -> None:
    Prediction.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now().replace(year=2020))
    lifecycle.take_back()


def _settled(prediction: Prediction) -> list[int | None]:
    rows = LedgerEntry.objects.filter(reference=prediction.public_id, kind="settle")
    return list(rows.values_list("captured", flat=True))


def test_an_answer_that_is_the_result_is_brought_home_in_the_round_that_asked(
    alice: User, version: Version, quick: FakeProvider
) -> None:
    prediction = accept(alice, version)
    fakes.start_once(straight=True)
    row, run = fresh(prediction), UpstreamRun.objects.get()
    assert (row.status, row.phase, row.charge, row.job_id) == ("succeeded", "ended", MICRO, "theirs")
    assert row.started_at is not None and not row.upstream_open
    assert (run.outcome, run.reserved) == ("succeeded", 0) and run.answered_ms is not None
    assert (_settled(prediction), Output.objects.count(), len(quick.orders)) == ([MICRO], 1, 1)
    assert set(StoredFile.objects.values_list("state", flat=True)) == {"kept"}


def test_what_a_worker_leaves_behind_between_answer_and_fetch_is_fetched_by_others_and_paid_once(
    alice: User, version: Version, quick: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = accept(alice, version)
    with monkeypatch.context() as killed:
        # As after a SIGKILL: nothing is done with the result that was just written.
        killed.setattr(collector.ResultCollector, "collect", lambda self, one: None)
        fakes.start_once(straight=True)
    row = fresh(prediction)
    assert (row.status, row.phase, row.collect_attempts) == ("processing", "collecting", 1)
    assert row.result and row.result["files"][0]["address"] == "a" and row.claim and not row.upstream_open
    tasks.collect()
    assert fresh(prediction).phase == "collecting"
    _end_leases()
    tasks.collect()
    assert (fresh(prediction).status, len(quick.orders), _settled(prediction)) == ("succeeded", 1, [MICRO])


def test_a_worker_that_is_overtaken_while_it_fetches_changes_nothing(
    alice: User, version: Version, quick: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = accept(alice, version)
    own = lifecycle.succeed

    def late(*args: Any, **told: Any) -> bool:
        monkeypatch.setattr(lifecycle, "succeed", own)
        _end_leases()
        tasks.collect()
        return own(*args, **told)

    monkeypatch.setattr(lifecycle, "succeed", late)
    fakes.start_once(straight=True)
    assert (fresh(prediction).status, Output.objects.count(), _settled(prediction)) == (
        "succeeded",
        1,
        [MICRO],
    )
    # Those of the one who came late are given up at once.
    assert sorted(StoredFile.objects.values_list("state", flat=True)) == ["doomed"] * 3 + ["kept"] * 3


def test_what_is_more_than_one_worker_brings_home_is_left_to_the_others(
    alice: User, version: Version, quick: FakeProvider
) -> None:
    made = [accept(alice, version) for _ in range(collector.MAX_CONCURRENT + 2)]
    Account.objects.update(in_flight_limit=100)
    fakes.start_once(straight=True)
    states = sorted(fresh(one).phase for one in made)
    assert states == ["ended"] * collector.MAX_CONCURRENT + ["result"] * 2
    tasks.collect()
    assert {fresh(one).status for one in made} == {"succeeded"}
    assert [_settled(one) for one in made] == [[MICRO]] * len(made)


def test_one_whose_files_do_not_come_keeps_none_beside_it_from_ending(
    alice: User, version: Version, quick: FakeProvider
) -> None:
    quick.starts = [_finished("gone"), _finished("a"), _finished("later"), _finished("a")]
    quick.files |= {"later": ProviderError("busy", permanent=False)}
    made = [accept(alice, version) for _ in range(4)]
    fakes.start_once(straight=True)
    assert sorted(fresh(one).status for one in made) == ["failed", "processing", "succeeded", "succeeded"]
    waiting = next(fresh(one) for one in made if fresh(one).status == "processing")
    # Not counted as a try.
    assert (waiting.phase, waiting.collect_attempts) == ("result", 0)
    assert sorted(charge or 0 for one in made for charge in _settled(one)) == [0, MICRO, MICRO]


def test_a_result_of_what_was_canceled_meanwhile_is_dropped(
    alice: User, version: Version, quick: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = accept(alice, version)
    own = quick.start

    async def canceled(order: Any) -> Job | Update:
        answer = await own(order)
        await _beside(lambda: lifecycle.cancel(prediction.public_id))
        return answer

    monkeypatch.setattr(quick, "start", canceled)
    fakes.start_once(straight=True)
    assert (fresh(prediction).status, UpstreamRun.objects.get().outcome) == ("canceled", "dropped")
    assert (Output.objects.count(), _settled(prediction)) == (0, [0])


async def _beside(function: Callable[[], Any]) -> None:
    """Run what asks the database beside the loop, as another process would."""

    def run() -> None:
        try:
            function()
        finally:
            connections.close_all()

    await asyncio.to_thread(run)


def test_a_webhook_that_was_asked_for_is_owed_its_start_and_its_end(
    alice: User, version: Version, quick: FakeProvider
) -> None:
    asked = accept(alice, version)
    Prediction.objects.filter(pk=asked.pk).update(
        webhook="https://example.org/hook", webhook_events=["start", "completed"]
    )
    fakes.start_once(straight=True)
    assert sorted(Delivery.objects.values_list("event", flat=True)) == ["completed", "start"]


def test_many_outputs_of_one_are_fetched_in_turns_and_keep_their_order(
    alice: User, version: Version, quick: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "FILES_PER_CALL", 2)
    quick.starts = [_finished("a", "a", "a", "a", "a")]
    prediction = accept(alice, version)
    fakes.start_once(straight=True)
    row = fresh(prediction)
    assert (row.status, len(row.output or [])) == ("succeeded", 5)
    assert list(Output.objects.order_by("index").values_list("name", flat=True)) == [
        f"out-{n}.png" for n in range(5)
    ]


def test_claims_are_renewed_while_files_are_waited_for(
    alice: User, version: Version, quick: FakeProvider
) -> None:
    prediction = accept(alice, version)
    with calls() as mine:
        home = collector.ResultCollector(mine, until=float("inf"))
        claimed = lifecycle.claim_starts(1)[0]
        update = _finished()
        assert lifecycle.begin_finished(
            claimed.prediction, claimed.claim, Job(id=""), update, to_be_fetched=False
        )
        home.collect(claimed)
        Prediction.objects.filter(pk=prediction.pk).update(lease_until=timezone.now().replace(year=2020))
        home._renew()
        assert lifecycle.take_back() == 0
        home.until_done()
    assert fresh(prediction).status == "succeeded"


def test_a_claim_that_cannot_be_renewed_ends_nothing_that_is_under_way(
    alice: User, version: Version, quick: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: Any) -> bool:
        raise OperationalError("server closed the connection unexpectedly")

    accept(alice, version)
    with calls() as mine:
        home = collector.ResultCollector(mine, until=float("inf"))
        (claimed,) = lifecycle.claim_starts(1)
        lifecycle.begin_finished(
            claimed.prediction, claimed.claim, Job(id=""), _finished(), to_be_fetched=False
        )
        home.collect(claimed)
        monkeypatch.setattr(lifecycle, "renew", away)
        home._renew()
        with pytest.raises(OperationalError):
            home.until_done()
    assert fresh(claimed.prediction).status == "succeeded"


def test_a_start_that_cannot_be_prepared_ends_no_other(
    alice: User, version: Version, quick: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, real = [accept(alice, version) for _number in range(3)], starts._pending

    def pending(request: starts.StartRequest) -> Any:
        if request.claimed.prediction == made[1]:
            raise ZeroDivisionError
        return real(request)

    monkeypatch.setattr(starts, "_pending", pending)
    fakes.start_once(straight=True)
    assert [fresh(one).status for one in made] == ["succeeded", "starting", "succeeded"]
    assert fresh(made[1]).claim and len(quick.orders) == 2


def test_calls_that_are_kept_have_one_loop_and_a_round_that_breaks_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provider_calls, "_kept_open", True)
    monkeypatch.setattr(provider_calls, "_thread_local", threading.local())
    with calls() as first:
        pass
    with pytest.raises(ZeroDivisionError), calls() as second:
        raise ZeroDivisionError
    with calls() as third:
        third.close()
    assert first is second and third is not first and isinstance(third, Calls)


def test_what_is_to_be_done_meanwhile_is_done_while_a_call_takes_long() -> None:
    done = threading.Event()

    async def long() -> str:
        # Ends only because something was done meanwhile.
        while not done.is_set():
            await asyncio.sleep(0.01)
        return "ended"

    heard: list[str] = []
    with calls() as mine:
        mine.add(long(), heard.append)
        mine.until_done(done.set, every_s=0.05)
    assert heard == ["ended"]
