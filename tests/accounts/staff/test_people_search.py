"""Members are found by how they begin, and by indexes alone; so are the few rows that a list is narrowed to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.db.models import Count, Model, QuerySet, Sum
from django.utils import timezone

from accounts import credits
from accounts.models import Account, LedgerEntry, User
from accounts.staff import people_search
from core.admin.list_filters import first_since
from core.db import pipeline
from core.db.daily_sums import sum_by_day
from predictions.admin.predictions import StatusFilter
from predictions.models import Prediction
from tests import factories

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def by_indexes() -> None:
    """PostgreSQL scans a table of a few rows, unless a setting makes that expensive."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")


@pytest.fixture
def many(by_indexes: None, alice: User) -> None:
    """To PostgreSQL all indexes of a table that it knows to be empty are one, so it gets rows, and looks at them."""
    if connection.vendor == "postgresql":
        done = factories.make_prediction(alice, status="succeeded", completed_at=LONG_AGO)
        multiplied(LedgerEntry.objects.get(kind="hold"), "reference")
        multiplied(done)
        multiplied(alice, "email", account_id="NULL")


def multiplied(row: Model, *unlike: str, **others: str) -> None:
    """Thousands of rows like this one, but for what is unique in a table, alone or together with more: `unlike`."""
    columns = {
        one.column: "'many' || n" if one.unique or one.column in unlike else f'"{one.column}"'
        for one in row._meta.concrete_fields
        if not one.primary_key
    }
    values = (columns | others).values()
    names, table = ", ".join(f'"{name}"' for name in columns), row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {table}, generate_series(1, 2000) n"
            " WHERE id = %s",
            [row.pk],
        )
        cursor.execute(f"ANALYZE {table}")


def people(words: str, *, by_address: bool = True) -> set[str]:
    found = people_search.user_ids(words, by_address=by_address)
    return set(User.objects.filter(pk__in=found).values_list("username", flat=True))


def test_members_are_found_by_the_beginning_of_what_they_are_called_in_any_case() -> None:
    factories.make_user("Ann_b", display_name="Öl und Wasser", email="Ann@Example.org")
    factories.make_user("annxb", display_name="猫の絵", email="b@example.org")
    factories.make_user("joanna", display_name="100% mine", email="c@example.org")
    assert people("ANN") == {"Ann_b", "annxb"}
    assert people("ann_") == {"Ann_b"}, "a sign of patterns is a letter like others"
    assert (people("猫"), people("100%"), people("%"), people("nn")) == ({"annxb"}, {"joanna"}, set(), set())
    assert people("ann@exam") == {"Ann_b"} and people("ann@exam", by_address=False) == set()
    assert (people(""), people(" \x00 "), people("x" * 5000)) == (set(), set(), set())


def test_a_member_is_found_by_a_second_address_too() -> None:
    ann = factories.make_user("ann", email="ann@example.org")
    EmailAddress.objects.create(user=ann, email="other@example.org")
    assert people("Other@") == {"ann"} and people("Other@", by_address=False) == set()
    assert people_search.account_ids("other@", by_address=True) == [ann.account_id]


def test_one_of_exactly_that_name_is_found_among_many_that_begin_so() -> None:
    for number in range(5):
        factories.make_user(f"bea{number}")
    bea = factories.make_user("bea")
    assert bea.pk in people_search.user_ids("BEA", by_address=False, most=2)


def test_every_question_for_members_is_a_look_into_an_index(by_indexes: None) -> None:
    factories.make_user("ann")
    for rows in people_search.user_queries("ann", by_address=True):
        plan = rows[:20].explain()
        assert "SCAN" not in plan and "Seq Scan" not in plan, plan
    plan = Account.objects.order_by().filter(name__istartswith="ann").values_list("pk")[:20].explain()
    assert "account_name_begins" in plan


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (lambda: LedgerEntry.objects.of_kinds("redeem").order_by("-id"), "ledger_kinds"),
        (lambda: LedgerEntry.objects.of_kinds("gift").filter(account=0).order_by("-id"), "ledger_of_kind|ledger_kinds"),
        (lambda: LedgerEntry.objects.filter(account=0).order_by("-id"), "ledger_of_account"),
        (lambda: LedgerEntry.objects.order_by().filter(actor=0), "ledger_of_actor"),
        (lambda: narrowed("failed"), "prediction_not_succeeded"),
        (lambda: narrowed("aborted"), "prediction_not_succeeded"),
        (lambda: Prediction.objects.ended().order_by().filter(completed_at__gte=NOW), "prediction_completed"),
        (
            lambda: Prediction.objects.ended().filter(completed_at__gt=NOW, provider__startswith="embedded").order_by(
                "-completed_at"
            ),
            "prediction_completed",
        ),
        (lambda: Prediction.objects.ended().order_by().filter(upstream_open=True), "prediction_open"),
        (lambda: User.objects.filter(is_staff=True).order_by("-id"), "user_staff"),
        (lambda: User.objects.filter(is_active=False).order_by("-id"), "user_banned"),
    ],
)  # fmt: skip
def test_few_among_millions_are_found_by_their_index(many: None, rows: Any, index: str) -> None:
    plan = rows()[:20].explain()
    assert re.search(index, plan), plan


NOW = datetime(2026, 11, 20, tzinfo=UTC)


def narrowed(status: str) -> QuerySet[Prediction]:
    """What the panel asks for where its list is narrowed to a status."""
    rows = Prediction.objects.filter(status__in=[status]).order_by("-id")
    return StatusFilter.narrow(None, rows, status)  # type: ignore[arg-type]


def test_rows_of_a_time_are_entered_where_it_begins(alice: User) -> None:
    account = factories.account_of(alice)
    start = timezone.now() - timedelta(days=400)
    LedgerEntry.objects.all()._raw_delete("default")
    numbers = [
        LedgerEntry.objects.create(
            account=account, kind="grant", reference=f"g{day}", balance_delta=1, balance_after=day, held_after=0,
            created_at=start + timedelta(days=day),
        ).pk
        for day in (0, 1, 5, 9)
    ]  # fmt: skip
    found = [first_since(LedgerEntry, "created_at", start + timedelta(days=day)) for day in (-1, 1, 2, 9, 10)]
    assert found == [numbers[0], numbers[1], numbers[2], numbers[3], None]


@pytest.mark.parametrize(
    "name", ["UTC", "Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin", "America/St_Johns"]
)
def test_days_begin_where_the_zone_says(alice: User, name: str) -> None:
    account, zone = factories.account_of(alice), ZoneInfo(name)
    moments = [
        datetime(2026, 10, 24, 17, 45, tzinfo=UTC) + timedelta(minutes=23 * step) for step in range(120)
    ]
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            account=account, kind="redeem" if number % 3 else "gift", reference=f"r{number}", balance_delta=number,
            balance_after=0, held_after=0, created_at=at,
        )
        for number, at in enumerate(moments)
    )  # fmt: skip
    wanted: dict[tuple[Any, ...], dict[str, int]] = {}
    for number, at in enumerate(moments):
        key = (at.astimezone(zone).date(), "redeem" if number % 3 else "gift")
        of_day = wanted.setdefault(key, {"sum": 0, "n": 0})
        of_day["sum"] += number
        of_day["n"] += 1
    rows = LedgerEntry.objects.not_work().filter(created_at__gte=moments[0], created_at__lte=moments[-1])
    assert sum_by_day(rows, "created_at", zone, "kind", sum=Sum("balance_delta"), n=Count("pk")) == wanted


def test_a_hold_on_a_limited_account_knows_when_it_was_written(alice: User) -> None:
    account = factories.account_of(alice)
    credits.limit_account(account, day=10**9, month=None)
    credits.grant(account, 1000)
    with transaction.atomic():
        one = credits.Hold(account.pk, 10, "known")
        with pipeline.batch() as together:
            one.send(together)
        one.check()
    assert one._at == LedgerEntry.objects.get(reference="known").created_at
