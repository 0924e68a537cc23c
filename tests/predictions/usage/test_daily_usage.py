"""Daily aggregates equal the predictions, in the billing time zone, however often they are computed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import MICRO, User
from accounts.site import site_rules
from predictions.lifecycle import messages
from predictions.models import FailureDay, FigureDay, Prediction, Price, Status, UsageDay, Version
from predictions.upstreams import run_records
from predictions.usage import billing_days, daily, failure_classes, time_series
from tests import factories
from tests.predictions.upstreams import upstream_rows

REASON = FailureDay.Reason
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = date(2026, 3, 10)


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    daily.make_all_due()
    yield
    daily.make_all_due()


def ended(
    user: User, version: Version, status: str = Status.SUCCEEDED, at: datetime = NOON, **fields: Any
) -> Any:
    fields.setdefault("started_at", at - timedelta(seconds=5))
    return factories.make_prediction(
        user, version, status=status, completed_at=at, created_at=at - timedelta(seconds=9), **fields
    )


def test_a_day_holds_what_ended_on_it(alice: User, bob: User, version: Version) -> None:
    ended(alice, version, delivered=3, charge=3 * MICRO, ceiling=4 * MICRO)
    ended(alice, version, delivered=1, charge=MICRO, filtered=2, ceiling=4 * MICRO)
    ended(alice, version, Status.FAILED, error="It broke.")
    ended(bob, version, Status.ABORTED)
    ended(alice, version, at=NOON + timedelta(days=1), delivered=7)
    factories.make_prediction(alice, version)
    daily.aggregate_day(DAY)
    mine = time_series.usage(factories.account_of(alice), DAY, DAY)
    assert mine.total == time_series.Amount(succeeded=2, failed=1, outputs=4, filtered=2, charged=4 * MICRO)
    assert mine.models == {version.model.ref: mine.total}
    assert time_series.usage(None, DAY, DAY).total.canceled == 1
    assert list(time_series.usage(None, DAY - timedelta(days=2), DAY).days) == [
        date(2026, 3, 8),
        date(2026, 3, 9),
        DAY,
    ]


def test_summed_again_it_says_the_same_and_forgets_what_is_no_more(alice: User, version: Version) -> None:
    first = ended(alice, version, delivered=1)
    other = ended(alice, factories.make_version(), delivered=1)
    daily.aggregate_day(DAY)
    daily.aggregate_day(DAY)
    assert UsageDay.objects.count() == 2
    Prediction.objects.filter(pk=other.pk).update(completed_at=NOON + timedelta(days=1))
    Prediction.objects.filter(pk=first.pk).update(delivered=4)
    daily.aggregate_day(DAY)
    assert list(UsageDay.objects.values_list("model", "outputs")) == [(version.model_id, 4)]


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("UTC", datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC), date(2026, 3, 10)),
        ("Asia/Shanghai", datetime(2026, 3, 10, 15, 59, tzinfo=UTC), date(2026, 3, 10)),
        ("Asia/Shanghai", datetime(2026, 3, 10, 16, 0, tzinfo=UTC), date(2026, 3, 11)),
        # The day on which clocks are put forward there has 23 hours, the one in autumn 25.
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        ("Europe/Berlin", datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
    ],
)
def test_a_day_is_one_of_the_billing_zone(
    alice: User, version: Version, zone: str, at: datetime, day: date
) -> None:
    site_rules.change(billing_zone=zone)
    ended(alice, version, at=at)
    for one in (day - timedelta(days=1), day, day + timedelta(days=1)):
        daily.aggregate_day(one)
    assert list(UsageDay.objects.values_list("day", flat=True)) == [day]


def test_what_upstreams_cost_stands_beside_what_was_charged(alice: User, version: Version) -> None:
    upstream = upstream_rows.make_upstream("far")
    upstream_rows.make_route(upstream, version.model, cost=MICRO // 4)
    made = ended(alice, version, charge=MICRO, delivered=1)
    for _ in range(2):
        Prediction.objects.filter(pk=made.pk).update(run=_ + 1)
        made.refresh_from_db()
        run = run_records.reserve(made, upstream.keys.get().provider_name)
        assert run is not None
        run_records.ended(run, "succeeded", metrics={}, delivered=1, error="")
    daily.aggregate_day(DAY)
    (margin,) = time_series.margins(DAY, DAY)
    assert (margin.charged, margin.spent, margin.left, margin.percent) == (MICRO, MICRO // 2, MICRO // 2, 50)


@pytest.mark.parametrize(
    ("error", "more", "reason"),
    [
        (messages.free(messages.TOO_LONG), {}, REASON.TOO_LONG),
        (messages.free(messages.WAITED_TOO_LONG), {"upstream": False}, REASON.TOO_LONG),
        (messages.free(messages.QUARANTINED), {"upstream": False}, REASON.OURS),
        (messages.free(messages.ANSWER_LOST), {}, REASON.UPSTREAM),
        ("NSFW content detected. Try running it again, or try a different prompt.", {}, REASON.SENSITIVE),
        ("All of it.", {"filtered": 2}, REASON.SENSITIVE),
        ("Their words.", {"kind": "safety"}, REASON.SENSITIVE),
        ("Their words.", {"kind": "bad_input"}, REASON.INPUT),
        ("Input validation failed: width must be at most 2048", {}, REASON.INPUT),
        ("CUDA out of memory", {}, REASON.UPSTREAM),
        ("CUDA out of memory", {"upstream": False}, REASON.OURS),
    ],
)
def test_a_failure_has_a_class(error: str, more: dict[str, Any], reason: str) -> None:
    assert failure_classes.classify(error, **more) == reason


def test_failures_are_counted_by_day_and_model(alice: User, version: Version) -> None:
    for error in (messages.free(messages.TOO_LONG), "NSFW content detected", "NSFW content detected"):
        ended(alice, version, Status.FAILED, error=error, provider="upstream-1")
    daily.aggregate_day(DAY)
    found = time_series.failures(DAY, DAY)
    assert found.total == {"upstream": 0, "too_long": 1, "sensitive": 2, "input": 0, "ours": 0}
    assert found.days[DAY] == found.models[version.model.ref] == found.total


def test_old_days_are_summed_once_and_new_ones_again(alice: User, version: Version) -> None:
    present = timezone.now()
    for back in (0, 1, 2, 4):
        ended(alice, version, at=present - timedelta(days=back))
    while daily.run_once():
        pass
    today = billing_days.today()
    closed = FigureDay.objects.filter(closed=True).values_list("day", flat=True)
    assert set(closed) == {today - timedelta(days=back) for back in (2, 3, 4)}
    assert time_series.usage(None, today - timedelta(days=4), today).total.succeeded == 4
    assert time_series.aggregated_at() is not None
    Prediction.objects.update(delivered=9)
    daily.make_all_due()
    while daily.run_once():
        pass
    outputs = dict(UsageDay.objects.values_list("day", "outputs"))
    assert [outputs[today - timedelta(days=back)] for back in (0, 1, 2, 4)] == [9, 9, 1, 1]


def test_another_billing_zone_has_every_day_summed_anew(alice: User, version: Version) -> None:
    # Lately: every day since then is summed up.
    evening = datetime.combine(timezone.now().date() - timedelta(days=3), time(20), tzinfo=UTC)
    ended(alice, version, at=evening)
    while daily.run_once():
        pass
    site_rules.change(billing_zone="Asia/Shanghai")
    daily.make_all_due()
    while daily.run_once():
        pass
    assert list(UsageDay.objects.values_list("day", flat=True)) == [evening.date() + timedelta(days=1)]


def test_outputs_from_before_they_were_counted_are_read_from_the_charge(alice: User) -> None:
    by_output = factories.make_version(price=MICRO // 2)
    by_run = factories.make_version(unit=Price.Unit.RUN)
    ended(alice, by_output, charge=2 * MICRO, ceiling=2 * MICRO)
    ended(alice, by_run, charge=MICRO)
    daily.aggregate_day(DAY)
    assert time_series.usage(None, DAY, DAY).total.outputs == 4 + 1
