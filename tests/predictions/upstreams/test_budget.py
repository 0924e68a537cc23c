"""Costs of upstreams: reserved before a start, settled at the end, never above the daily cap."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction

from accounts.models import MICRO
from predictions.audit import upstream_costs
from predictions.models import Prediction, Upstream, UpstreamDay, UpstreamKey, UpstreamRun
from predictions.providers.base import AnswerLost, ProviderError
from predictions.providers.registry import UnknownProvider
from predictions.upstreams import alerts, circuits, health_report, run_records, setup
from tests import factories
from tests.predictions.upstreams import upstream_rows
from tests.support import races

pytestmark = pytest.mark.django_db
Outcome = UpstreamRun.Outcome


@pytest.fixture
def upstream() -> Upstream:
    return upstream_rows.make_upstream("far")


@pytest.fixture
def key(upstream: Upstream) -> UpstreamKey:
    return upstream.keys.get()


def prediction_of(
    upstream: Upstream, cost: int | None = MICRO, unit: str = "run", **given: Any
) -> Prediction:
    """A prediction whose model costs so much there."""
    prediction = factories.make_prediction(factories.make_user(), **given)
    upstream_rows.make_route(upstream, prediction.model, cost=cost, cost_unit=unit)
    return prediction


def spent(upstream: Upstream) -> int:
    return sum(UpstreamDay.objects.filter(upstream=upstream).values_list("spent", flat=True))


def refusal(kind: Any = "transient") -> ProviderError:
    return ProviderError("They said no to r8_abcdefghijkl.", permanent=False, refused=True, kind=kind)


@pytest.fixture(autouse=True)
def _adds_up(db: None) -> Any:
    yield
    assert list(upstream_costs.breaches()) == []


def test_a_row_is_there_before_anything_is_sent(upstream: Upstream, key: UpstreamKey) -> None:
    prediction = prediction_of(upstream)
    run = run_records.reserve(prediction, key.provider_name)
    assert (run.outcome, run.reserved, run.cost, run.run) == (Outcome.SENT, MICRO, None, prediction.run)
    assert spent(upstream) == MICRO
    assert UpstreamDay.objects.get().day == datetime.now(UTC).date()


def test_a_refused_start_gives_its_part_of_the_day_back(upstream: Upstream, key: UpstreamKey) -> None:
    run = run_records.reserve(prediction_of(upstream), key.provider_name)
    run_records.refused(run, refusal("quota"), 120)
    run.refresh_from_db()
    assert (run.outcome, run.cost, run.reserved, run.error_kind, run.answered_ms) == (
        Outcome.REFUSED, 0, 0, "quota", 120,
    )  # fmt: skip
    assert "r8_" not in run.answer and "They said no" in run.answer
    assert spent(upstream) == 0


def test_a_lost_start_keeps_its_part_until_somebody_has_looked(upstream: Upstream, key: UpstreamKey) -> None:
    ran, never = (run_records.reserve(prediction_of(upstream), key.provider_name) for _ in range(2))
    for run in (ran, never):
        run_records.lost(run, AnswerLost("No answer."))
    assert spent(upstream) == 2 * MICRO and health_report.strays().count() == 2
    assert run_records.checked(ran, it_ran=True) and run_records.checked(never, it_ran=False)
    assert not run_records.checked(ran, it_ran=False)
    assert spent(upstream) == MICRO and health_report.strays().count() == 0


def test_what_may_not_have_stopped_after_all_is_looked_after_too(
    upstream: Upstream, key: UpstreamKey
) -> None:
    run = run_records.reserve(prediction_of(upstream), key.provider_name)
    run_records.accepted(run, "their-id")
    run_records.lost(run, AnswerLost("Possibly still running."))
    assert health_report.strays().get().job_id == "their-id" and spent(upstream) == MICRO
    run_records.ended(run, "canceled")
    assert health_report.strays().count() == 0 and spent(upstream) == 0


def test_a_repeat_with_the_same_key_is_the_same_run(upstream: Upstream, key: UpstreamKey) -> None:
    prediction = prediction_of(upstream)
    first = run_records.reserve(prediction, key.provider_name)
    run_records.lost(first, AnswerLost("No answer."))
    again = run_records.reserve(prediction, key.provider_name)
    assert again.pk == first.pk and again.outcome == Outcome.SENT
    assert spent(upstream) == MICRO
    run_records.refused(again, refusal())
    assert run_records.reserve(prediction, key.provider_name).pk != first.pk


@pytest.mark.parametrize(
    ("unit", "outcome", "metrics", "delivered", "cost"),
    [
        ("run", "succeeded", {}, 1, 300),
        ("run", "failed", {}, 0, 0),
        ("run", "canceled", {}, 0, 0),
        ("run", "dropped", {}, 0, 300),
        ("output", "succeeded", {}, 4, 1200),
        ("second", "succeeded", {"predict_time": 2.5}, 1, 750),
        ("second", "failed", {"predict_time": 1.001}, 0, 301),
        ("second", "succeeded", {}, 1, None),
        ("second", "succeeded", {"predict_time": "a while"}, 1, None),
        ("run", "succeeded", {"upstream_cost": 0.05}, 1, 5 * MICRO),
        ("run", "succeeded", {"upstream_cost": "0.05"}, 1, 5 * MICRO),
        ("run", "succeeded", {"upstream_cost": {"total_cost": 0.01}}, 1, MICRO),
        ("run", "failed", {"upstream_cost": 0}, 0, 0),
        ("run", "succeeded", {"upstream_cost": float("nan")}, 1, 300),
        ("run", "succeeded", {"upstream_cost": -1}, 1, 300),
        ("run", "succeeded", {"upstream_cost": 10**400}, 1, 300),
        ("run", "succeeded", {"upstream_cost": 1e9}, 1, 300),
        ("run", "succeeded", {"upstream_cost": True}, 1, 300),
        ("run", "succeeded", {"upstream_cost": ["1"]}, 1, 300),
    ],
)
def test_its_cost_is_what_they_say_or_else_the_routes_price(
    upstream: Upstream,
    key: UpstreamKey,
    unit: str,
    outcome: str,
    metrics: Any,
    delivered: int,
    cost: int | None,
) -> None:
    run = run_records.reserve(prediction_of(upstream, 300, unit), key.provider_name)
    run_records.accepted(run, "their-id", 80)
    assert run_records.ended(run, outcome, metrics=metrics, delivered=delivered) == cost
    run.refresh_from_db()
    assert (run.outcome, run.job_id, run.reserved, run.ended_at is None) == (outcome, "their-id", 0, False)
    assert spent(upstream) == (cost or 0)


def test_without_any_price_nothing_is_known(upstream: Upstream, key: UpstreamKey) -> None:
    run = run_records.reserve(factories.make_prediction(factories.make_user()), key.provider_name)
    assert run_records.ended(run, "succeeded", delivered=1) is None
    assert spent(upstream) == 0


def test_an_end_counts_once(upstream: Upstream, key: UpstreamKey) -> None:
    run = run_records.reserve(prediction_of(upstream, 300), key.provider_name)
    assert run_records.ended(run, "succeeded", delivered=1) == 300
    assert run_records.ended(run, "failed", metrics={"upstream_cost": 1}) == 300
    run_records.refused(run, refusal())
    run_records.lost(run, AnswerLost("No answer."))
    assert spent(upstream) == 300
    assert UpstreamRun.objects.get().outcome == Outcome.SUCCEEDED


def test_a_success_after_a_cancel_is_dropped_and_paid_for(upstream: Upstream, key: UpstreamKey) -> None:
    run = run_records.reserve(prediction_of(upstream, 300), key.provider_name)
    run_records.accepted(run, "their-id")
    run_records.ended(run, "canceled")
    assert spent(upstream) == 0
    assert run_records.ended(run, "dropped") == 300
    assert spent(upstream) == 300


def test_the_days_cap_stops_new_work_before_it_is_sent(
    upstream: Upstream, key: UpstreamKey, settings: Any
) -> None:
    settings.ALERT_EMAILS = ["ops@example.org"]
    setup.apply("far", setup.UpstreamSettings(cap=2 * MICRO + 1))
    for _ in range(2):
        run_records.reserve(prediction_of(upstream), key.provider_name)
    assert circuits.unavailable() == set()
    for _ in range(3):
        with pytest.raises(run_records.CapReached):
            run_records.reserve(prediction_of(upstream), key.provider_name)
    assert circuits.unavailable() == {key.provider_name}
    assert spent(upstream) == 2 * MICRO and UpstreamRun.objects.count() == 2
    alerts.wait()
    assert [message.subject for message in mail.outbox] == ["Darkroom: far: the most a day is spent"]


def test_a_raised_cap_lets_it_go_on(upstream: Upstream, key: UpstreamKey) -> None:
    setup.apply("far", setup.UpstreamSettings(cap=MICRO))
    run_records.reserve(prediction_of(upstream), key.provider_name)
    assert circuits.unavailable() == {key.provider_name}
    with pytest.raises(run_records.CapReached):
        run_records.reserve(prediction_of(upstream), key.provider_name)
    setup.apply("far", setup.UpstreamSettings(cap=5 * MICRO))
    assert circuits.unavailable() == set()
    assert run_records.reserve(prediction_of(upstream), key.provider_name).reserved == MICRO


def test_a_cap_of_nothing_takes_nothing_not_even_what_has_no_price(
    upstream: Upstream, key: UpstreamKey
) -> None:
    setup.apply("far", setup.UpstreamSettings(cap=0))
    with pytest.raises(run_records.CapReached):
        run_records.reserve(prediction_of(upstream, None), key.provider_name)


def test_a_key_that_is_gone_is_an_unknown_provider(upstream: Upstream) -> None:
    prediction = prediction_of(upstream)
    for name in ("upstream-999999", "embedded", "upstream-x"):
        with pytest.raises(UnknownProvider):
            run_records.reserve(prediction, name)


def test_what_is_left_of_the_charge_is_seen_by_model_and_upstream(
    upstream: Upstream, key: UpstreamKey
) -> None:
    prediction = prediction_of(upstream, 300)
    lost = run_records.reserve(prediction, key.provider_name)
    run_records.refused(lost, refusal())
    run = run_records.reserve(prediction, key.provider_name)
    run_records.ended(run, "succeeded", delivered=1)
    Prediction.objects.filter(pk=prediction.pk).update(charge=1000)
    [margin] = health_report.margin()
    assert (margin.upstream, margin.model, margin.runs) == ("far", prediction.model.ref, 2)
    assert (margin.cost, margin.charged, margin.margin, margin.unknown) == (300, 1000, 700, 0)


def test_a_day_that_says_something_else_than_its_runs_is_a_breach(
    upstream: Upstream, key: UpstreamKey
) -> None:
    run_records.reserve(prediction_of(upstream, 300), key.provider_name)
    UpstreamDay.objects.update(spent=299)
    [breach] = upstream_costs.breaches()
    assert "far" in breach.subject and "0.0003" in breach.message
    UpstreamDay.objects.update(spent=300)


def test_the_database_itself_lets_no_day_fall_below_nothing(upstream: Upstream) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        UpstreamDay.objects.create(upstream=upstream, day=datetime.now(UTC).date(), spent=-1)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_no_more_start_than_the_cap_holds() -> None:
    upstream = upstream_rows.make_upstream("far", day_cap=5 * MICRO)
    name = upstream.keys.get().provider_name
    waiting = [prediction_of(upstream) for _ in range(12)]

    def start(prediction: Prediction) -> bool:
        try:
            run_records.reserve(prediction, name)
        except run_records.CapReached:
            return False
        return True

    outcomes = races.together([lambda one=one: start(one) for one in waiting])
    assert sorted(outcomes) == [False] * 7 + [True] * 5
    assert spent(upstream) == 5 * MICRO
