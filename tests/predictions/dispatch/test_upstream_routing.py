"""Routing to upstreams, and what follows a start that is refused or never answered."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from accounts.models import MICRO, Account, User
from predictions import availability, lifecycle, tasks
from predictions.execution import start_outcomes
from predictions.models import (
    HostedModel,
    Prediction,
    Upstream,
    UpstreamKey,
    UpstreamRun,
    Version,
)
from predictions.providers.base import AnswerLost, Job, Update
from predictions.submit import refusals
from predictions.upstreams import circuits
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
from tests.support import races

__all__ = ["fake_upstreams"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_the_lowest_priority_comes_first_until_its_slots_are_taken(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    first, second = fake_upstreams.add("first", priority=1, limit=2), fake_upstreams.add("second", priority=2)
    for _ in range(3):
        accept(alice, version)
    assert Counter(one.prediction.provider for one in lifecycle.claim_starts(16)) == {
        first.name: 2,
        second.name: 1,
    }


def test_among_equals_each_gets_its_weight_in_the_long_run(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    heavy, light = (
        fake_upstreams.add("heavy", weight=9, limit=500),
        fake_upstreams.add("light", weight=1, limit=500),
    )
    Account.objects.update(in_flight_limit=500)
    for _ in range(120):
        factories.make_prediction(alice, version, ceiling=0)
    got = Counter(one.prediction.provider for one in lifecycle.claim_starts(120))
    assert got[heavy.name] + got[light.name] == 120
    assert 85 <= got[heavy.name] <= 119


def test_eight_workers_exceed_the_limit_of_no_key_and_of_no_upstream(
    version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake = fake_upstreams.add("one", in_flight_limit=10, limit=8)
    twin = FakeProvider(
        UpstreamKey.objects.create(upstream=Upstream.objects.get(), secret="x", label="b").provider_name
    )
    twin.limit = 8
    twin.group, twin.group_limit, twin.priority, twin.weight = "one", 10, 100, 1
    fake_upstreams.ups[twin.name] = twin
    for _ in range(40):
        factories.make_prediction(factories.make_user(credit=1), version, ceiling=0)
    claimed = races.together([lambda: [one.prediction.provider for one in lifecycle.claim_starts(16)]] * 8)
    got = Counter(name for batch in claimed for name in batch)
    assert sum(got.values()) == 10 and max(got.values()) <= 8 and fake.name in got


def test_the_engine_works_on_what_upstreams_serve_only_as_their_last_resort(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    upstream = fake_upstreams.add("up")
    fake_upstreams.engine.models = None
    circuits.failed(upstream.name, refusal("key"))
    accept(alice, version)
    assert lifecycle.claim_starts(16) == []
    HostedModel.objects.update(engine_last_resort=True)
    assert [one.prediction.provider for one in lifecycle.claim_starts(16)] == ["embedded"]


def test_while_an_upstream_takes_work_the_engine_is_not_asked(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("up", limit=1)
    fake_upstreams.engine.models = None
    HostedModel.objects.update(engine_last_resort=True)
    for _ in range(2):
        accept(alice, version)
    assert [one.prediction.provider for one in lifecycle.claim_starts(16)] == [next(iter(fake_upstreams.ups))]


def test_what_one_refuses_goes_to_the_next_at_once_and_costs_nothing_there(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    first, second = fake_upstreams.add("first", priority=1), fake_upstreams.add("second", priority=2)
    first.starts = [refusal("transient")]
    prediction = accept(alice, version)
    tasks.start()
    row = fresh(prediction)
    assert (row.phase, row.provider, row.start_attempts) == ("running", second.name, 1)
    assert outcomes(row) == ["refused", "accepted"]
    # Another key: some services repeat their refusal to the one that met it.
    assert first.orders[0].key != second.orders[0].key


@pytest.mark.parametrize("outcome", [UpstreamRun.Outcome.ACCEPTED, UpstreamRun.Outcome.FAILED])
def test_only_one_that_declined_it_is_passed_over(
    outcome: str, alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    first = fake_upstreams.add("first", priority=1)
    fake_upstreams.add("second", priority=2)
    prediction, key = accept(alice, version), UpstreamKey.objects.get(upstream__name="first")
    UpstreamRun.objects.create(prediction=prediction, upstream=key.upstream, key=key, run=1, outcome=outcome)
    assert [one.prediction.provider for one in lifecycle.claim_starts(1)] == [first.name]


def test_where_nobody_else_can_it_waits_longer_each_time(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    only.starts = [refusal("transient"), refusal("transient")]
    prediction = accept(alice, version)
    tasks.start()
    row = fresh(prediction)
    assert (row.phase, row.provider, len(only.orders)) == ("waiting", "", 1)
    assert row.not_before is not None


@pytest.mark.parametrize("kind", ["safety", "bad_input"])
def test_what_is_the_members_own_fault_is_said_in_the_upstreams_words(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, kind: str
) -> None:
    first, second = fake_upstreams.add("first", priority=1), fake_upstreams.add("second", priority=2)
    first.starts = [refusal(kind, words="The prompt names a celebrity.")]
    prediction = accept(alice, version)
    tasks.start()
    row = fresh(prediction)
    assert (row.status, row.error) == ("failed", "The prompt names a celebrity. Nothing was charged.")
    assert second.orders == [] and UpstreamKey.objects.get(pk=int(first.name[9:])).state == "closed"
    assert factories.account_of(alice).balance == 100 * MICRO


def test_a_model_that_no_upstream_knows_fails_clearly_and_one_that_another_knows_runs_there(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    first, second = fake_upstreams.add("first", priority=1), fake_upstreams.add("second", priority=2)
    first.starts = [refusal("permanent"), refusal("permanent")]
    prediction = accept(alice, version)
    tasks.start()
    assert fresh(prediction).provider == second.name
    second.starts = [refusal("permanent")]
    other = accept(alice, version)
    for _ in range(3):
        tasks.start()
    assert fresh(other).error == "No service that this server may use knows this model. Nothing was charged."


def test_a_gateway_with_nobody_behind_it_is_passed_over_for_a_minute_and_keeps_its_other_models(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    first, second = fake_upstreams.add("first", priority=1), fake_upstreams.add("second", priority=2)
    first.starts = [refusal("channel")]
    prediction = accept(alice, version)
    tasks.start()
    row = fresh(prediction)
    assert (row.status, row.provider, outcomes(row)) == ("processing", second.name, ["refused", "accepted"])
    assert circuits.key_states().resting_routes == {(first.name, version.model.ref)}
    assert circuits.unavailable() == set()


def test_where_nobody_has_room_it_waits_and_the_third_time_it_fails_in_its_own_words(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    only.starts = [refusal("channel") for _ in range(3)]
    prediction = accept(alice, version)
    for asked in (1, 2):
        tasks.start()
        assert (fresh(prediction).phase, len(only.orders)) == ("waiting", asked)
        Prediction.objects.update(not_before=None)
    tasks.start()
    row = fresh(prediction)
    assert (row.status, row.error) == ("failed", f"{start_outcomes.NO_ROOM} Nothing was charged.")
    assert factories.account_of(alice).balance == 100 * MICRO


def test_an_upstream_that_redirects_its_starts_rests_and_the_next_one_works(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    first, second = fake_upstreams.add("first", priority=1), fake_upstreams.add("second", priority=2)
    first.starts = [refusal("address")]
    prediction = accept(alice, version)
    tasks.start()
    assert fresh(prediction).provider == second.name
    assert circuits.unavailable() == {first.name}


def test_a_lost_answer_is_the_end_where_keys_are_not_honoured(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only, other = fake_upstreams.add("only", priority=1), fake_upstreams.add("other", priority=2)
    only.starts = [AnswerLost("gone")]
    prediction = accept(alice, version)
    tasks.start()
    row = fresh(prediction)
    assert row.status == "failed" and "was lost" in str(row.error) and not row.upstream_open
    assert outcomes(row) == ["lost"] and other.orders == []
    assert factories.account_of(alice).balance == 100 * MICRO


def test_a_lost_answer_is_asked_for_again_under_the_same_key_where_keys_are_honoured(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only", idempotent=True, priority=1)
    fake_upstreams.add("other", priority=2)
    only.starts = [AnswerLost("gone"), refusal("rate"), Job("there")]
    prediction = accept(alice, version)
    for _ in range(3):
        tasks.start()
        Prediction.objects.filter(pk=prediction.pk).update(not_before=None)
        UpstreamKey.objects.update(rest_until=None)
    row = fresh(prediction)
    assert (row.phase, row.provider, row.job_id) == ("running", only.name, "there")
    assert len({order.key for order in only.orders}) == 1 and outcomes(row) == ["accepted"]


def test_a_start_that_waits_to_be_sent_again_keeps_its_slot(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only", idempotent=True, limit=1)
    only.starts = [AnswerLost("gone")]
    prediction, other = accept(alice, version), accept(alice, version)
    tasks.start()
    Prediction.objects.filter(pk=prediction.pk).update(not_before=None)
    tasks.start()
    assert fresh(prediction).phase == "running" and fresh(other).phase == "waiting"


def end_leases() -> None:
    from django.utils import timezone

    Prediction.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now().replace(year=2020))
    lifecycle.take_back()


def test_a_worker_killed_before_it_sent_anything_lets_another_provider_have_it(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("first", priority=1)
    prediction = accept(alice, version)
    lifecycle.claim_starts(16)
    end_leases()
    assert (fresh(prediction).phase, fresh(prediction).provider) == ("waiting", "")


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_worker_killed_after_it_may_have_sent_it_is_told_by_the_runs_row(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, idempotent: bool
) -> None:
    only = fake_upstreams.add("only", idempotent=idempotent)
    prediction = accept(alice, version)
    one = lifecycle.claim_starts(16)[0]
    from predictions.upstreams import run_records

    run_records.reserve(one.prediction, only.name)
    end_leases()
    row = fresh(prediction)
    if idempotent:
        assert (row.phase, row.provider, outcomes(row)) == ("waiting", only.name, ["sent"])
        tasks.start()
        assert only.orders[0].key == row.provider_key and outcomes(row) == ["accepted"]
    else:
        assert (row.status, outcomes(row)) == ("failed", ["lost"])
        assert factories.account_of(alice).balance == 100 * MICRO


def test_an_answer_that_comes_after_the_cancel_names_the_job_that_is_called_off(
    alice: User, version: Version, fake_upstreams: FakeUpstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = fake_upstreams.add("only")
    prediction = accept(alice, version)
    begin = lifecycle.begin

    def canceled_meanwhile(row: Prediction, *given: Any) -> bool:
        lifecycle.cancel(row.public_id)
        tasks.cancel()
        assert only.canceled == []
        return begin(row, *given)

    only.starts = [Job("theirs")]
    monkeypatch.setattr(lifecycle, "begin", canceled_meanwhile)
    tasks.start()
    only.updates = [fakes.done(metrics={"predict_time": 1.0})]
    Prediction.objects.update(lease_until=None)
    tasks.cancel()
    row = fresh(prediction)
    assert only.canceled == ["theirs"] and (row.status, row.upstream_open) == ("canceled", False)
    # It was done there all the same: recorded, and dropped.
    assert outcomes(row) == ["dropped"]


def test_the_first_start_after_a_rest_is_the_only_one_until_it_is_answered(
    version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only", limit=40)
    circuits.failed(only.name, refusal("quota"))
    UpstreamKey.objects.update(open_until="2020-01-01T00:00:00Z")
    for _ in range(20):
        factories.make_prediction(factories.make_user(credit=1), version, ceiling=0)
    claimed = races.together([lambda: lifecycle.claim_starts(16)] * 4)
    assert sum(map(len, claimed)) == 1


def test_an_answer_that_is_the_result_itself_ends_it(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    only.starts = [fakes.done(2)]
    prediction = accept(alice, version)
    tasks.start()
    tasks.collect()
    row = fresh(prediction)
    assert (row.status, len(row.output or []), outcomes(row)) == ("succeeded", 2, ["succeeded"])


def test_a_job_unknown_there_is_not_started_again_where_keys_are_not_honoured(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only")
    only.updates = [Update("lost")]
    prediction = accept(alice, version)
    fakes.work_off()
    row = fresh(prediction)
    assert row.status == "failed" and "does not know it any more" in str(row.error)
    assert outcomes(row) == ["failed"] and len(only.orders) == 1


def test_what_could_not_be_sent_again_for_minutes_is_given_up(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    only = fake_upstreams.add("only", idempotent=True)
    only.starts = [AnswerLost("gone")]
    prediction = accept(alice, version)
    tasks.start()
    assert lifecycle.give_up() == 0
    UpstreamRun.objects.update(sent_at="2020-01-01T00:00:00Z")
    Prediction.objects.update(not_before=None)
    assert lifecycle.give_up() == 1
    row = fresh(prediction)
    assert row.status == "failed" and outcomes(row) == ["lost"]


def test_the_cap_of_the_day_ends_what_nobody_else_can_do_and_refuses_what_is_new(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("only", day_cap=0)
    first, second = accept(alice, version), accept(alice, version)
    tasks.start()
    for row in (fresh(first), fresh(second)):
        assert row.status == "failed" and "have spent the most" in str(row.error)
    with pytest.raises(refusals.ModelNotAvailable, match="have spent the most"):
        accept(alice, version)
    assert factories.account_of(alice).balance == 100 * MICRO
    assert UpstreamRun.objects.count() == 0


def test_where_another_is_below_its_cap_that_one_works(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("capped", priority=1, day_cap=0)
    other = fake_upstreams.add("other", priority=2)
    prediction = accept(alice, version)
    for _ in range(2):
        tasks.start()
    assert fresh(prediction).provider == other.name


def test_what_waits_when_the_cap_is_reached_is_told_by_the_sweep(
    alice: User, version: Version, fake_upstreams: FakeUpstreams
) -> None:
    fake_upstreams.add("only", day_cap=0, limit=1)
    rows = [accept(alice, version) for _ in range(3)]
    tasks.start()
    assert availability.fail_capped() in {0, 1, 2}
    assert {fresh(row).status for row in rows} == {"failed"}
