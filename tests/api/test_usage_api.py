"""`/api/usage`: what was used by day, model and token, equal to what the ledger captured."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import MICRO, LedgerEntry, Site, User
from accounts.site import site_rules
from accounts.tokens import api_tokens
from predictions.models import Prediction, Price, Status, Version
from predictions.usage import billing_days, daily
from predictions.usage.account_usage import chart
from tests import factories
from tests.api.conftest import Frontend

pytestmark = pytest.mark.django_db

NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}


def made(user: User, version: Version, at: str, status: str = Status.SUCCEEDED, **fields: Any) -> Prediction:
    """One that ended at that moment, a day after it was made."""
    prediction = factories.make_prediction(user, version, status=status, **fields)
    ended = datetime.fromisoformat(at)
    Prediction.objects.filter(pk=prediction.pk).update(
        created_at=ended - timedelta(days=1), completed_at=ended
    )
    return prediction


def shown(amount: dict[str, Any]) -> dict[str, Any]:
    """Only what is not zero."""
    return {name: value for name, value in amount.items() if value}


def test_it_counts_states_outputs_and_charges(mine: Frontend, alice: User, version: Version) -> None:
    made(alice, version, "2026-11-03T10:00:00Z", ceiling=4 * MICRO, charge=3 * MICRO)
    made(alice, version, "2026-11-03T11:00:00Z", Status.FAILED, error="x")
    made(alice, version, "2026-11-04T11:00:00Z", Status.CANCELED)
    made(alice, version, "2026-11-04T12:00:00Z", Status.ABORTED)
    usage = mine.get("/api/usage", **NOVEMBER).json()
    by_day = {row.pop("day"): shown(row) for row in usage["days"]}
    assert len(by_day) == 30 and list(by_day) == sorted(by_day)
    assert by_day["2026-11-03"] == {"succeeded": 1, "failed": 1, "outputs": 3, "charged": 3 * MICRO}
    assert (by_day["2026-11-02"], by_day["2026-11-04"], by_day["2026-11-05"]) == ({}, {"canceled": 2}, {})
    captured = LedgerEntry.objects.aggregate(sum=Sum("captured"))["sum"]
    assert usage["total"]["charged"] == captured == 3 * MICRO
    assert [usage["total"][name] for name in ("succeeded", "failed", "canceled")] == [1, 1, 2]


def test_what_has_not_ended_counts_today_whenever_it_was_made(
    mine: Frontend, alice: User, version: Version
) -> None:
    row = factories.make_prediction(alice, version)
    Prediction.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=3))
    usage = mine.get("/api/usage").json()
    assert shown(usage["days"][-1]) == {"day": usage["to"], "starting": 1}
    assert usage["total"]["starting"] == sum(day["starting"] for day in usage["days"]) == 1
    before = mine.get("/api/usage", to=usage["days"][-2]["day"]).json()
    assert before["total"]["starting"] == 0


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC", "America/New_York"])
def test_it_counts_on_the_day_on_which_the_page_of_usage_does(
    mine: Frontend, alice: User, version: Version, zone: str
) -> None:
    site_rules.fill_cache(Site(pk=1, billing_zone=zone))
    present = billing_days.today()
    midnight = datetime.combine(present, time(), ZoneInfo(zone))
    for minutes in (-1, 0, -24 * 60 + 1):
        made(alice, version, (midnight + timedelta(minutes=minutes)).isoformat())
    for day in (present, present - timedelta(days=1)):
        daily.aggregate_day(day)
    page = {one.day.isoformat(): one.total for one in chart(alice.account).days}
    answer = mine.get("/api/usage").json()
    assert answer["zone"] == zone
    assert {row["day"]: row["charged"] for row in answer["days"]} == page
    assert (answer["days"][-1]["charged"], answer["days"][-2]["charged"]) == (MICRO, 2 * MICRO)
    month = mine.get("/api/usage", **{"from": str(present.replace(day=1))}).json()
    assert month["total"]["charged"] == chart(alice.account, "month").total


def test_it_parts_models_and_tokens_the_dearest_first(mine: Frontend, alice: User, version: Version) -> None:
    dear = factories.make_version(factories.make_model(name="dear"), price=9 * MICRO, unit=Price.Unit.RUN)
    token = api_tokens.issue(alice, "website")[0]
    made(alice, version, "2026-11-03T10:00:00Z", charge=MICRO)
    made(alice, dear, "2026-11-03T10:00:00Z", ceiling=9 * MICRO, token=token)
    usage = mine.get("/api/usage", **NOVEMBER).json()
    assert [(row["model"], row["outputs"], row["charged"]) for row in usage["models"]] == [
        ("acme/dear", 1, 9 * MICRO),
        (version.model.ref, 1, MICRO),
    ]
    assert [(row["token"], row["name"]) for row in usage["tokens"]] == [(token.pk, "website"), (None, "")]


def test_days_part_at_the_callers_midnight(mine: Frontend, alice: User, version: Version) -> None:
    made(alice, version, "2026-11-03T17:30:00Z")
    told = mine.get("/api/usage", **NOVEMBER, zone="Asia/Shanghai").json()["days"]
    assert [row["day"] for row in told if row["succeeded"]] == ["2026-11-04"]
    assert (
        mine.get("/api/usage", **{"from": "2026-11-04", "to": "2026-11-04"}).json()["total"]["succeeded"] == 0
    )


def test_a_deleted_picture_was_used_all_the_same(mine: Frontend, alice: User, version: Version) -> None:
    prediction = made(alice, version, "2026-11-03T10:00:00Z", ceiling=2 * MICRO)
    assert not prediction.outputs.exists()
    assert mine.get("/api/usage", **NOVEMBER).json()["total"]["outputs"] == 2


def test_a_stranger_has_used_nothing(theirs: Frontend, alice: User, version: Version) -> None:
    made(alice, version, "2026-11-03T10:00:00Z")
    usage = theirs.get("/api/usage", **NOVEMBER).json()
    assert shown(usage["total"]) == {} and (usage["models"], usage["tokens"]) == ([], [])


def test_the_last_thirty_days_are_shown_unless_told(mine: Frontend, alice: User) -> None:
    factories.make_prediction(alice)
    usage = mine.get("/api/usage").json()
    assert len(usage["days"]) == 30 and usage["total"]["starting"] == usage["days"][-1]["starting"] == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from"), ({"from": "2025-01-01", "to": "2026-11-01"}, "from"),
        ({"from": "x"}, "from"), ({"to": "9999-12-31"}, "to"), ({"to": "0001-01-01"}, "to"),
        ({"zone": "Mars/Base"}, "zone"), ({"zone": "../etc/passwd"}, "zone"),
        ({"zone": ""}, "zone"), ({"from": ""}, "from"),
    ],
)  # fmt: skip
def test_a_bad_period_is_named(mine: Frontend, query: dict[str, str], field: str) -> None:
    answer = mine.get("/api/usage", **query)
    assert (answer.status_code, list(answer.json()["faults"])) == (400, [field])


def test_the_period_is_read_from_an_index(mine: Frontend, alice: User) -> None:
    with CaptureQueriesContext(connection) as caught:
        mine.get("/api/usage", **NOVEMBER)
    grouped = [query["sql"] for query in caught if "GROUP BY" in query["sql"]]
    assert len(grouped) == 2
    on_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if on_postgres:
            # A small table is read whole there while that is allowed, whatever indexes it has.
            cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in grouped:
            cursor.execute(f"{'EXPLAIN' if on_postgres else 'EXPLAIN QUERY PLAN'} {sql}")
            plan = " ".join(str(row) for row in cursor.fetchall())
            assert "Seq Scan on predictions_prediction" not in plan, plan
            assert on_postgres or "SEARCH predictions_prediction USING INDEX prediction_of_account" in plan, (
                plan
            )
