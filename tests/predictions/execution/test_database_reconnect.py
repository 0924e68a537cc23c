"""Work in progress survives a lost database connection: it is reported on the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections

from accounts.models import User
from core.db import retry
from predictions import lifecycle, tasks
from predictions.dispatch import provider_lookup
from predictions.execution import collector, starts
from predictions.execution.collector import ResultCollector
from predictions.execution.provider_calls import calls
from predictions.inputs import fetch
from predictions.lifecycle import progress
from predictions.models import Output, Phase, Prediction, StoredFile, UpstreamDay, UpstreamKey, Version
from predictions.providers.base import Job
from predictions.upstreams import run_records
from tests import factories, fakes
from tests.fakes import FakeProvider
from tests.predictions.upstreams.upstream_fixtures import (
    FakeUpstreams,
    accept,
    fake_upstreams,
    fresh,
    outcomes,
    refusal,
)

__all__ = ["fake_upstreams"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.ON_POSTGRES, reason="SQLite has no server that could go away"),
]


def break_off(own: Any = None) -> None:
    """End this thread's session, as a server does that restarts. `own`: its connection, from inside an event loop."""
    own = own or connections["default"]
    given: dict[str, Any] = own.get_connection_params()
    known = {name: given[name] for name in ("dbname", "user", "host", "port", "password") if name in given}
    with psycopg.connect(**known, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [own.connection.info.backend_pid])


class Breaking(FakeProvider):
    """Its answers come when the database has gone away meanwhile."""

    breaks_at: str = ""
    connection: Any = None

    def _break(self, where: str) -> None:
        if where == self.breaks_at:
            self.breaks_at = ""
            break_off(self.connection)

    async def start(self, order: Any) -> Any:
        answer = await super().start(order)
        self._break("start")
        return answer

    async def fetch(self, job: Any, ref: Any) -> Any:
        async for chunk in super().fetch(job, ref):
            self._break("fetch")
            yield chunk


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Breaking:
    fake = Breaking()
    fake.connection = connections["default"]
    fakes.use(monkeypatch, fake)
    # Django's own remedy for a broken connection, which tasks use between themselves, is not what is tried here.
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)
    return fake


def test_a_start_that_was_answered_meanwhile_is_noted(
    alice: User, version: Version, breaking: Breaking
) -> None:
    prediction, breaking.breaks_at = accept(alice, version), "start"
    tasks.start()
    row = fresh(prediction)
    assert (row.phase, row.start_attempts, len(breaking.orders)) == (Phase.RUNNING, 1, 1)


def test_a_result_that_was_fetched_meanwhile_is_stored_and_paid_once(
    alice: User, version: Version, breaking: Breaking
) -> None:
    prediction = accept(alice, version)
    tasks.start()
    fakes.watch_once()
    breaking.breaks_at = "fetch"
    tasks.collect()
    row = fresh(prediction)
    assert (row.status, row.collect_attempts, Output.objects.count()) == ("succeeded", 1, 1)
    assert factories.account_of(alice).held == 0
    assert not StoredFile.objects.exclude(state="kept").exists()


@pytest.mark.parametrize("breaks_at", ["start", "fetch"])
def test_an_answer_that_is_the_result_goes_on_to_its_end(
    alice: User, version: Version, breaking: Breaking, breaks_at: str
) -> None:
    breaking.starts = [fakes.done(2)]
    prediction, breaking.breaks_at = accept(alice, version), breaks_at
    tasks.start()
    row = fresh(prediction)
    assert (row.status, row.start_attempts, row.collect_attempts) == ("succeeded", 1, 1)


def test_an_upstreams_answer_is_noted_with_its_run(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    prediction = accept(alice, version)
    start: Callable[..., Any] = only.start
    own = connections["default"]

    async def late(order: Any) -> Any:
        answer = await start(order)
        break_off(own)
        return answer

    only.start = late  # type: ignore[method-assign]
    tasks.start()
    assert fresh(prediction).phase == Phase.RUNNING and outcomes(prediction) == ["accepted"]


def test_what_was_written_although_its_answer_was_lost_is_known_again(
    alice: User, version: Version, breaking: Breaking
) -> None:
    prediction = accept(alice, version)
    (one,) = lifecycle.claim_starts(1)
    update, tries = fakes.done(), []

    def begin() -> bool:
        begun = progress.begin_finished(one.prediction, one.claim, Job("job"), update, to_be_fetched=False)
        tries.append(begun)
        if len(tries) == 1:
            break_off()
            connection.cursor().execute("SELECT 1")
        return begun

    assert retry.run(begin)
    assert tries == [True, True]
    row = fresh(prediction)
    assert (row.phase, row.claim, row.collect_attempts) == (Phase.COLLECTING, one.claim, 1)


def test_claims_whose_commit_was_never_answered_are_found_by_who_made_them(
    alice: User, version: Version, breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = accept(alice, version)
    _lose_the_answer(monkeypatch)
    (one,) = lifecycle.claim_starts(1)
    assert (one.prediction.pk, fresh(prediction).claim) == (prediction.pk, one.claim)
    Prediction.objects.update(phase=Phase.RESULT, status="processing", claim="", lease_until=None)
    _lose_the_answer(monkeypatch)
    (one,) = lifecycle.claim_results(1)
    assert (one.prediction.pk, fresh(prediction).claim) == (prediction.pk, one.claim)


def _lose_the_answer(monkeypatch: pytest.MonkeyPatch, own: Any = None) -> None:
    """The next commit is made, and its connection breaks before that is known. `own`: as for `break_off`."""
    real: Any = own or connections["default"]
    commit = real._commit

    def lost() -> None:
        monkeypatch.setattr(real, "_commit", commit)
        commit()
        break_off(real)
        real.connection.execute("SELECT 1")

    monkeypatch.setattr(real, "_commit", lost)


def test_a_start_whose_row_was_written_unanswered_was_not_sent_twice(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = fake_upstreams.add("only")
    only.starts = [refusal("rate")]
    prediction = accept(alice, version)
    (one,) = lifecycle.claim_starts(1)
    with calls() as mine:
        home = ResultCollector(mine, until=float("inf"))
        _lose_the_answer(monkeypatch)
        starts.send([starts.StartRequest(one, dict(prediction.input))], home)
        home.until_done()
    # A refusal of what was sent before as well would prove nothing: it would have to be sent to the same one again.
    assert (outcomes(prediction), len(only.orders)) == (["refused"], 1)
    row = fresh(prediction)
    assert (row.phase, row.provider, row.start_attempts) == (Phase.WAITING, "", 0)
    assert list(UpstreamDay.objects.values_list("spent", flat=True)) == [0]


@pytest.mark.parametrize("kind", ["transient", "bad_input"])
def test_a_failure_is_counted_once_though_its_report_is_made_twice(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    only = fake_upstreams.add("only")
    prediction, own = accept(alice, version), connections["default"]
    UpstreamKey.objects.update(failures=1)

    async def fails(order: Any) -> Any:
        _lose_the_answer(monkeypatch, own)
        raise refusal(kind)

    only.start = fails  # type: ignore[method-assign]
    fakes.start_once()
    assert outcomes(prediction) == ["refused"]
    key = UpstreamKey.objects.get()
    assert (key.failures, key.state) == (2 if kind == "transient" else 1, "closed")


def test_a_failure_is_counted_once_though_its_run_could_not_be_moved_at_first(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = fake_upstreams.add("only")
    only.starts = [refusal("transient")]
    prediction, real, tries = accept(alice, version), run_records.refused, list[int]()

    def once_without(*given: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            break_off()
            connection.cursor().execute("SELECT 1")
        real(*given)

    monkeypatch.setattr(run_records, "refused", once_without)
    fakes.start_once()
    assert (len(tries), outcomes(prediction)) == (2, ["refused"])
    assert UpstreamKey.objects.get().failures == 1


@pytest.mark.parametrize(
    ("asks", "name"),
    [
        (collector.safety_pipeline, "current"),
        (provider_lookup, "shown_name"),
        (tasks.fetch, "_own_files"),
    ],
)
def test_what_is_asked_between_a_claim_and_its_report_is_asked_again(
    alice: User,
    version: Version,
    fake_upstreams: FakeUpstreams,
    monkeypatch: pytest.MonkeyPatch,
    asks: Any,
    name: str,
) -> None:
    fake_upstreams.add("only").starts = [fakes.done()]
    prediction, real, tries = accept(alice, version), getattr(asks, name), list[int]()

    def once_without(*given: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            break_off()
            connection.cursor().execute("SELECT 1")
        return real(*given)

    monkeypatch.setattr(asks, name, once_without)
    monkeypatch.setattr(fetch.FetchJob, "is_needed", lambda _job: name == "_own_files")
    tasks.start()
    row = fresh(prediction)
    assert len(tries) > 1
    assert (row.status, row.start_attempts, row.collect_attempts) == ("succeeded", 1, 1)


def test_what_the_watcher_saw_meanwhile_is_stored(
    alice: User, version: Version, breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    from predictions.execution import watcher

    prediction = accept(alice, version)
    tasks.start()
    (look,) = lifecycle.claim_polls()
    break_off()
    one = watcher.Watcher()
    one._write([watcher._PollResult(look, fakes.done())], {})
    assert fresh(prediction).phase == Phase.RESULT


def test_a_database_that_stays_away_is_waited_for_once_and_not_by_each(
    breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "SECONDS", 0.0)
    tries: list[int] = []

    def fails() -> None:
        tries.append(1)
        connection.ensure_connection()
        break_off()
        connection.cursor().execute("SELECT 1")

    for _ in range(2):
        with pytest.raises(OperationalError):
            retry.run(fails)
    assert len(tries) == 2
    connection.close()
    assert retry.run(lambda: "there") == "there"


def test_what_is_wrong_with_the_question_is_not_asked_again(
    breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def wrong() -> None:
        tries.append(1)
        connection.cursor().execute("SET statement_timeout = 1; SELECT pg_sleep(5)")

    with pytest.raises(OperationalError, match="statement timeout"):
        retry.run(wrong)
    connection.close()
    assert len(tries) == 1
