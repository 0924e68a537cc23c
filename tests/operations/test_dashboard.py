"""The operations dashboard: its figures match the ledger, its files match its charts, and its permissions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

from accounts import credits
from accounts.models import MICRO, AuditEntry, LedgerEntry, Purchase, User
from accounts.models.ledger_kinds import INCOME
from accounts.site import site_rules
from config.health import components
from config.templatetags import staff_bar
from core import charts
from operations.dashboard import chart_data, number_format, periods, totals, upstream_table
from predictions.models import QueueLook, Status, Upstream, UsageDay
from predictions.usage import billing_days
from predictions.usage import daily as summing
from tests import factories
from tests.predictions.upstreams import upstream_rows
from tests.runner.sampling import one_in
from tests.support.csv_files import rows_of

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
PAGE = "/admin/operations/"


@pytest.fixture
def boss(client_of: ClientOf) -> Client:
    """An administrator's client."""
    return client_of(factories.make_staff("olga"))


@pytest.fixture
def busy(alice: User, bob: User) -> None:
    """Two members who made something today: three successes, a failure, and credits of several kinds."""
    for user, charge in ((alice, 3), (alice, 2), (bob, 7)):
        factories.make_prediction(user, status=Status.SUCCEEDED, ceiling=charge * MICRO)
    factories.make_prediction(bob, status=Status.FAILED, ceiling=MICRO)
    credits.redeem(factories.account_of(alice), 5 * MICRO, reference="redeem-77")
    credits.purchase(factories.account_of(bob), 9 * MICRO, reference="purchase-x1")
    summing.aggregate_day(billing_days.today())
    cache.clear()


def week() -> periods.Period:
    """The seven days up to today."""
    today = billing_days.today()
    return periods.Period("week", today - timedelta(days=6), today, today)


def test_what_charts_show_as_spent_and_come_is_what_the_ledger_has(busy: None) -> None:
    found = totals.credits_of(week())
    captured = LedgerEntry.objects.filter(kind="settle").aggregate(s=Sum("captured"))["s"]
    assert found.total["spent"] == captured == 12 * MICRO
    for kind, _income in INCOME:
        moved = LedgerEntry.objects.filter(kind=kind).aggregate(s=Sum("balance_delta"))["s"] or 0
        assert found.total[kind] == moved, kind
    came = sum(found.total[kind] for kind in found.total if kind != "spent")
    assert came - found.total["spent"] == found.balance + found.held


def test_chart_and_table_and_file_say_the_same(boss: Client, busy: None) -> None:
    rows_of_file = rows_of(boss.get(f"{PAGE}credits.csv?period=week"))
    assert len(rows_of_file) == 7
    last = rows_of_file[-1]
    chart = chart_data.credits(week())
    assert (last["redeem"], last["purchase"], last["spent"]) == ("5.00", "9.00", "12.00")
    by_name = dict(zip([one.name for one in chart.series], chart.rows[-1][1], strict=True))
    assert (by_name["redeemed"], by_name["bought"], by_name["spent"]) == ("5.00", "9.00", "12.00")
    days = rows_of(boss.get(f"{PAGE}days.csv?period=week"))
    models = rows_of(boss.get(f"{PAGE}models.csv?period=week"))
    assert sum(float(row["charged"]) for row in days) == sum(float(row["charged"]) for row in models) == 12
    assert sum(int(row["failed"]) for row in days) == 1


def test_the_file_of_days_has_the_revenue_of_each_currency(boss: Client, alice: User) -> None:
    now, pack = timezone.now(), {"user": alice, "account": factories.account_of(alice), "credits": MICRO}
    for number, (price, currency, back, days) in enumerate(
        [(500, "usd", 0, 0), (700, "usd", 200, 2), (900, "jpy", 0, 2), (400, "usd", 0, 9)]
    ):
        Purchase.objects.create(
            **pack, reference=f"p{number}", price=price, currency=currency, refunded=back, status="paid",
            provider="stripe", paid_at=now - timedelta(days=days),
        )  # fmt: skip
    rows_of_file = rows_of(boss.get(f"{PAGE}days.csv?period=week"))
    assert [row["revenue_usd"] for row in rows_of_file] == [*["0.00"] * 4, "5.00", "0.00", "5.00"]
    assert [row["revenue_jpy"] for row in rows_of_file] == ["0", "0", "0", "0", "900", "0", "0"]


@pytest.mark.parametrize("name", ["days", "models", "failures", "members", "credits", "queue", "upstreams"])
def test_every_file_opens(boss: Client, name: str) -> None:
    answer: Any = boss.get(f"{PAGE}{name}.csv?period=month")
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv")
    assert b"".join(answer.streaming_content)


def test_a_model_whose_name_is_a_formula_is_only_text_in_the_file(boss: Client, alice: User) -> None:
    version = factories.make_version(factories.make_model(owner="=HYPERLINK(1)", name="x"))
    factories.make_prediction(alice, version, status=Status.SUCCEEDED)
    summing.aggregate_day(billing_days.today())
    (row,) = rows_of(boss.get(f"{PAGE}models.csv"))
    assert row["model"] == "'=HYPERLINK(1)/x"


def test_the_page_shows_the_figures_and_how_they_changed(boss: Client, busy: None) -> None:
    page = boss.get(PAGE)
    shown = {one["title"]: one["shown"] for one in page.context["numbers"]}
    assert (
        shown["Charged"] == "12.00"
        and shown["Failed, refunded"] == "25.0%"
        and shown["Members active"] == "2"
    )
    text = page.content.decode()
    assert "Show as table" in text and 'role="group"' in text and "1 of 4, refunded" in text


@pytest.mark.parametrize(
    "query",
    one_in(
        3,
        [
            "from=2026-02-30&to=2026-03-01",
            "from=2026-05-02&to=2026-05-01",
            "from=9999-01-01&to=9999-01-02",
            "from=x",
            "to=\x00",
        ],
    ),
)
def test_dates_that_are_no_period_are_said_to_be_none(boss: Client, query: str) -> None:
    page = boss.get(f"{PAGE}?{query}")
    assert page.status_code == 200 and page.context["wrong"] and page.context["period"].name == "week"


def test_any_dates_are_a_period_against_as_many_days_before(boss: Client) -> None:
    today = billing_days.today()
    first = today - timedelta(days=9)
    period = boss.get(f"{PAGE}?from={first}&to={today}").context["period"]
    assert (period.length, period.before.last) == (10, first - timedelta(days=1))


def test_the_desk_asks_no_more_for_many_members_than_for_few(
    boss: Client, busy: None, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        factories.make_prediction(factories.make_user(f"more{number}"), status=Status.SUCCEEDED)
    summing.aggregate_day(billing_days.today())
    cache.clear()
    with django_assert_max_num_queries(45):
        boss.get(PAGE)


def test_members_do_not_get_in_and_staff_needs_the_right(client_of: ClientOf, alice: User) -> None:
    assert client_of(alice).get(PAGE).status_code in (302, 403)
    helper = factories.make_user("helper", is_staff=True)
    assert client_of(helper).get(PAGE).status_code == 403
    helper.user_permissions.add(Permission.objects.get(codename="view_usageday"))
    page = client_of(User.objects.get(pk=helper.pk)).get(PAGE)
    assert page.status_code == 200
    assert page.context["credits"] is None and page.context["upstreams"] is None
    assert client_of(User.objects.get(pk=helper.pk)).get(f"{PAGE}credits.csv", follow=True).status_code == 404


def test_the_switch_pauses_an_upstream_on_record_and_once(boss: Client) -> None:
    upstream = upstream_rows.make_upstream("main")
    address = f"{PAGE}upstreams/{upstream.pk}/"
    for _twice in range(2):
        assert boss.post(address, {"on": "0"}).status_code == 302
    assert Upstream.objects.get().paused
    assert AuditEntry.objects.filter(action="upstream.pause").count() == 1
    boss.post(address, {"on": "1"})
    assert not Upstream.objects.get().paused
    assert AuditEntry.objects.get(action="upstream.resume").detail["before"]["paused"] is True
    assert boss.post(f"{PAGE}upstreams/{upstream.pk + 1}/", {"on": "1"}).status_code == 302
    assert next(row.name for row in upstream_table.rows()) == "main"


def test_who_may_only_look_switches_nothing(client_of: ClientOf) -> None:
    upstream = upstream_rows.make_upstream("main")
    helper = factories.make_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_usageday"))
    assert client_of(helper).post(f"{PAGE}upstreams/{upstream.pk}/", {"on": "0"}).status_code == 403
    assert not Upstream.objects.get().paused


def test_the_queue_is_drawn_of_the_worst_of_each_stretch(boss: Client) -> None:
    QueueLook.objects.create(waiting=7, start_p95_ms=2500)
    chart = boss.get(PAGE).context["queue"]
    assert max(value or 0 for value in chart.series[0].values) == 7
    assert max(value or 0 for value in chart.series[1].values) == 2.5


@pytest.mark.parametrize(
    ("value", "top"), [(0, 4), (1, 4), (3.2, 4), (74, 80), (81, 100), (1234, 2000), (999_999, 1_000_000)]
)
def test_axes_end_at_round_numbers(value: float, top: float) -> None:
    assert charts.round_top(value) == top


def test_a_chart_says_every_day_to_whoever_hears_it() -> None:
    made = charts.Series("made", [3, None], 1)
    slow = charts.Series("slow", [None, 2], 3, "dashed")
    chart = charts.Chart("x", "Title <b>", ["Mon", "Tue"], [], [made, slow])
    drawn = str(chart.svg)
    assert "<b>" not in drawn and drawn.count('class="hit"') == 2
    assert 'aria-label="Mon\nmade: 3\nslow: –"' in drawn
    assert drawn.count('tabindex="0"') == 1


def test_the_bar_says_apart_what_is_silent_and_what_the_audit_found(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for down in ([], ["audit"], ["audit", "sweep"]):
        cache.delete("desk-health")
        monkeypatch.setattr(components, "silent", lambda down=down: down)
        states.append((staff_bar.staff_health()["ok"], staff_bar.staff_health()["words"]))
    assert states == [
        (True, "All parts healthy"), (False, "The audit found something"), (False, "1 part is silent"),
    ]  # fmt: skip


def test_an_area_has_a_gap_where_nobody_looked_and_begins_and_ends_with_what_is_known() -> None:
    waiting = charts.Series("waiting", [None, 2, 4, None, None, 1, None, None, None, None], 1, "area")
    drawn = charts.Chart("queue", "Queue", list("abcdefghij"), [], [waiting]).svg
    assert drawn.count('class="area') == 2
    assert "M15 100 L15 50 L25 0 L25 100 Z" in drawn and "M55 100 L55 75 L55 75 L55 100 Z" in drawn


def test_the_axis_of_the_queue_is_in_the_zone_whose_days_are_shown() -> None:
    site_rules.change(billing_zone="Asia/Shanghai")
    day = billing_days.today() - timedelta(days=3)
    chart = chart_data.queue(periods.Period("dates", day, day, billing_days.today()))
    assert [words for _at, words in chart.marks] == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    assert chart.slots[0].endswith("00:00")


def test_an_axis_tells_its_steps_apart() -> None:
    shown = [number_format.credits_round(n * 2_500_000) for n in range(5)]
    assert shown == ["0", "2.50", "5", "7.5", "10"]


def test_a_day_that_is_not_over_is_compared_with_no_whole_one(boss: Client, alice: User) -> None:
    today = billing_days.today()
    model = factories.make_version().model
    for back, outputs in ((0, 1), (1, 500)):
        UsageDay.objects.create(
            day=today - timedelta(days=back), account=factories.account_of(alice), model=model, succeeded=1,
            outputs=outputs,
        )  # fmt: skip
    made = boss.get("/admin/operations/?period=day").context["numbers"][0]
    assert (made["shown"], made["change"]) == ("1", "")
