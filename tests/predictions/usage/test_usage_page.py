"""The usage page: a chart by day and model, a table and a CSV export."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import MICRO, User
from predictions.models import UsageDay
from predictions.usage import account_usage, billing_days
from tests import factories
from tests.support.csv_files import rows_of

ClientOf = Callable[[User], Client]


def use(user: User, name: str, days_ago: int, credits: float) -> None:
    model = factories.make_model("acme", name) if not _known(name) else _known(name)
    day = billing_days.today() - timedelta(days=days_ago)
    UsageDay.objects.create(
        day=day,
        account=factories.account_of(user),
        model=model,
        succeeded=1,
        outputs=2,
        charged=int(credits * MICRO),
    )


def _known(name: str) -> Any:
    from predictions.models import HostedModel

    return HostedModel.objects.filter(owner="acme", name=name).first()


def test_the_chart_adds_up_and_stands_within_its_lines(alice: User) -> None:
    use(alice, "one", 0, 30)
    use(alice, "two", 0, 12.5)
    use(alice, "one", 29, 7)
    use(alice, "one", 30, 1000)
    chart = account_usage.chart(factories.account_of(alice))
    assert (len(chart.days), chart.total, chart.series) == (30, 49_500_000, ["one", "two"])
    today = chart.days[-1]
    assert today.partial and today.cells == [30 * MICRO, 12_500_000]
    assert chart.lines[0] == (0, 100.0) and chart.lines[-1][0] >= 42_500_000
    top = chart.lines[-1][0]
    assert min(part.top for part in today.parts) == pytest.approx(100 - 42_500_000 * 100 / top, abs=0.1)
    assert chart.by_series == [("one", 37 * MICRO), ("two", 12_500_000)]


@pytest.mark.parametrize(("models", "series"), [(1, 1), (4, 4), (5, 5), (6, 5), (9, 5)])
def test_there_are_five_series_at_most(alice: User, models: int, series: int) -> None:
    for number in range(models):
        use(alice, f"m{number}", 1, 10 - number)
    chart = account_usage.chart(factories.account_of(alice))
    assert len(chart.series) == series
    assert chart.total == sum((10 - number) * MICRO for number in range(models))


def test_a_charge_of_whatever_size_has_round_lines(alice: User) -> None:
    for credit in (0.000001, 0.5, 3, 41, 999, 123_456_789):
        UsageDay.objects.all().delete()
        use(alice, "one", 1, credit)
        lines = account_usage.chart(factories.account_of(alice)).lines
        assert len(lines) == 5 and lines[-1][0] >= int(credit * MICRO)
        assert lines[-1][0] % 4 == 0


def test_page_and_csv_show_the_period_that_is_asked_for(alice: User, client_of: ClientOf) -> None:
    use(alice, "one", 0, 2)
    client = client_of(alice)
    for period in ("30", "month", "last", "x", "\x00"):
        page = client.get("/account/usage/", {"period": period})
        assert page.status_code == 200
        assert page.context["chart"].period == (period if period in account_usage.PERIODS else "30")
    answer: Any = client.get("/account/usage.csv?period=month")
    rows = rows_of(answer)
    assert [(row["model"], row["charged"], row["outputs"]) for row in rows] == [("acme/one", "2.00", "2")]


def test_nothing_of_others_is_shown(alice: User, bob: User, client_of: ClientOf) -> None:
    use(alice, "one", 0, 2)
    page = client_of(bob).get("/account/usage/")
    assert page.context["chart"].total == 0 and "Nothing was charged in this time." in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/account/usage/", "/account/usage.csv", "/account/limits/", "/account/redeem/"]
)
def test_visitors_sign_in_first(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302
