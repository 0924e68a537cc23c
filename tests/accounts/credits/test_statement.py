"""The statement: the same filters on page, API and CSV, sums that add up, and pages of constant cost."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from accounts import credits
from accounts.credits import statement
from accounts.credits.statement import Filters
from accounts.models import MICRO, Account, ApiToken, Invitation, LedgerEntry, User
from accounts.registration import welcome_credits
from accounts.site import site_rules
from accounts.tokens import api_tokens
from tests import factories
from tests.accounts.billing.billing_rows import make_purchase
from tests.runner.sampling import one_in
from tests.support.csv_files import rows_of

ClientOf = Callable[[User], Client]
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)


def dated(
    account: Account, at: datetime, delta: int = MICRO, kind: str = "grant", reason: str = ""
) -> LedgerEntry:
    """A movement as it would have been written then: rows are never changed, so a test writes them itself."""
    before = LedgerEntry.objects.filter(account=account).order_by("-id").first()
    has = before.balance_after if before else 0
    row = LedgerEntry(
        account=account, kind=kind, reference=f"old-{secrets.token_hex(8)}", balance_delta=delta, reason=reason,
        balance_after=has + delta, held_after=0, created_at=at,
    )  # fmt: skip
    row.save()
    return row


@pytest.fixture
def year(charlie: User) -> list[LedgerEntry]:
    """A movement on each of two hundred days."""
    account = factories.account_of(charlie)
    rows = [
        LedgerEntry(
            account=account, kind="grant", reference=f"old-{number}", balance_delta=MICRO, reason=f"day {number}",
            balance_after=(number + 1) * MICRO, held_after=0, created_at=DAY + timedelta(days=number),
        )
        for number in range(200)
    ]  # fmt: skip
    return LedgerEntry.objects.bulk_create(rows)


def found(user: User, filters: Filters, size: int = 50) -> list[int]:
    """Every row by pages, each asked for with the cursor of the one before."""
    rows, cursor = [], ""
    while True:
        page = statement.page(factories.account_of(user), filters, cursor, size)
        rows += [row.pk for row in page.rows]
        cursor = page.next
        if not cursor:
            return rows


@pytest.mark.parametrize(("first", "last"), [(0, 5), (3, 3), (150, 199), (0, 199), (50, 120)])
def test_a_period_has_its_rows_and_no_others(
    charlie: User, year: list[LedgerEntry], first: int, last: int
) -> None:
    since = (DAY + timedelta(days=first)).replace(hour=0)
    until = (DAY + timedelta(days=last + 1)).replace(hour=0)
    wanted = [row.pk for row in year[first : last + 1]][::-1]
    size = max(3, len(wanted) // 4)
    assert found(charlie, Filters(since=since, until=until), size) == wanted
    assert found(charlie, Filters(since=since, until=until, kind="grant"), size) == wanted
    assert found(charlie, Filters(since=since, until=until, kind="gift")) == []


def test_a_period_without_rows_is_empty_and_still_has_a_balance(
    charlie: User, year: list[LedgerEntry]
) -> None:
    before = Filters(until=DAY - timedelta(days=3))
    after = Filters(since=DAY + timedelta(days=900))
    assert found(charlie, before) == found(charlie, after) == []
    account = factories.account_of(charlie)
    assert (statement.sums(account, before).opening, statement.sums(account, before).closing) == (0, 0)
    assert statement.sums(account, after).closing == 200 * MICRO


def test_the_sums_of_a_period_lead_from_its_first_balance_to_its_last(
    charlie: User, year: list[LedgerEntry]
) -> None:
    sums = statement.sums(
        factories.account_of(charlie), Filters(since=DAY + timedelta(days=10), until=DAY + timedelta(days=20))
    )
    assert (sums.opening, sums.closing, sums.added, sums.charged) == (10 * MICRO, 20 * MICRO, 10 * MICRO, 0)
    assert sums.whole


def test_what_is_charged_is_summed_from_settlements(alice: User) -> None:
    factories.make_prediction(alice, status="succeeded", ceiling=3 * MICRO, charge=2 * MICRO)
    factories.make_prediction(alice, ceiling=5 * MICRO)
    sums = statement.sums(factories.account_of(alice), Filters(group="spent"))
    assert (sums.charged, sums.added, sums.opening) == (2 * MICRO, 0, None)


def test_groups_kinds_and_words_narrow_it_down(alice: User, bob: User) -> None:
    account = factories.account_of(alice)
    won = credits.grant(account, MICRO, reason="Won the Contest")
    back = credits.refund(account, MICRO, reference="p" * 20, reason="came back")
    ended = factories.make_prediction(alice, status="failed")
    of_work = list(
        LedgerEntry.objects.filter(reference=ended.public_id).order_by("-id").values_list("pk", flat=True)
    )
    first = LedgerEntry.objects.get(account=account, reason="for a test")
    assert found(alice, Filters(group="added")) == [won.pk, first.pk]
    assert found(alice, Filters(group="back")) == [back.pk]
    assert found(alice, Filters(group="spent")) == of_work
    assert found(alice, Filters(kind="settle")) == of_work[:1]
    assert found(alice, Filters(text="contest")) == [won.pk]
    assert found(alice, Filters(text=won.reference)) == [won.pk]
    assert found(alice, Filters(text=ended.public_id)) == of_work
    assert found(alice, Filters(text=ended.public_id[:8])) == of_work
    assert found(alice, Filters(text=ended.public_id[:8], kind="hold")) == of_work[1:]
    assert found(alice, Filters(text="%")) == found(alice, Filters(text="\\")) == []
    assert found(bob, Filters(text=ended.public_id)) == []
    assert sorted(found(alice, Filters(), 2)) == sorted(
        LedgerEntry.objects.filter(account=account).values_list("pk", flat=True)
    )


def test_page_csv_and_api_answer_the_same_filters_alike(
    charlie: User, year: list[LedgerEntry], client_of: ClientOf
) -> None:
    wanted = [row.reference for row in year[5:8]][::-1]
    client = client_of(charlie)
    query = {"since": "2026-03-15", "until": "2026-03-17"}
    page = client.get("/account/", query)
    assert [line.entry.reference for line in page.context["lines"]] == wanted
    assert (page.context["sums"].opening, page.context["sums"].closing) == (5 * MICRO, 8 * MICRO)
    answer: Any = client.get("/account/statement.csv", query)
    rows = rows_of(answer)
    assert [row["reference"] for row in rows] == wanted
    response = client.get(
        "/api/ledger", {"since": "2026-03-15T00:00:00Z", "until": "2026-03-18T00:00:00Z", "limit": 2}
    )
    following = client.get(response.json()["next"])
    assert [row["reference"] for row in response.json()["results"] + following.json()["results"]] == wanted


def spent_by(user: User, token: ApiToken, numbers: tuple[int, ...] = (0, 1)) -> None:
    """Predictions that a token asked for have been paid for."""
    account = factories.account_of(user)
    for number in numbers:
        with transaction.atomic():
            credits.hold(account.pk, 3 * MICRO, f"{token.name}{number}", token=token)
            credits.settle(account.pk, f"{token.name}{number}", 2 * MICRO)


@pytest.fixture
def storefront(alice: User) -> ApiToken:
    """A token of Alice's that has spent; so has another one."""
    token, other = (api_tokens.issue(alice, name)[0] for name in ("storefront", "other"))
    spent_by(alice, other)
    spent_by(alice, token)
    spent_by(alice, other, (2,))
    return token


def test_page_csv_and_api_answer_a_token_alike(
    alice: User, storefront: ApiToken, client_of: ClientOf
) -> None:
    wanted = ["storefront1"] * 2 + ["storefront0"] * 2
    client, query = client_of(alice), {"token": storefront.pk}
    page = client.get("/account/", query)
    assert [line.entry.reference for line in page.context["lines"]] == wanted
    sums = page.context["sums"]
    assert (sums.charged, sums.added, sums.rows, sums.opening) == (4 * MICRO, 0, 4, None)
    text = page.content.decode()
    assert text.count("token “storefront”") == 4 and f'value="{storefront.pk}" selected' in text
    assert f"statement.csv?token={storefront.pk}" in text
    answer: Any = client.get("/account/statement.csv", query)
    rows = rows_of(answer)
    assert [row["reference"] for row in rows] == wanted
    response = client.get("/api/ledger", query | {"limit": 3}).json()
    following = client.get(response["next"]).json()
    assert [row["reference"] for row in response["results"] + following["results"]] == wanted


def test_a_token_goes_with_every_other_filter(alice: User, storefront: ApiToken) -> None:
    def of(**more: Any) -> list[str]:
        rows = found(alice, Filters(token=storefront.pk, **more), 2)
        return [LedgerEntry.objects.get(pk=row).reference for row in rows]

    now = timezone.now()
    assert of(kind="hold") == of(kind="settle") == ["storefront1", "storefront0"]
    assert of(group="spent") == of() and len(of()) == 4
    assert of(kind="grant") == of(group="added") == of(group="back") == []
    assert of(since=now - timedelta(hours=3)) == of(until=now + timedelta(hours=3)) == of()
    assert of(since=now + timedelta(days=3)) == of(until=now - timedelta(days=3)) == []
    assert of(reference="storefront0") == of(text="storefront0") == ["storefront0"] * 2
    assert of(reference="other0") == of(text="other0") == of(text="for a test") == []


@pytest.mark.parametrize("whose", ["bob's", "nobody's"])
def test_a_strangers_token_shows_nothing(
    alice: User, bob: User, storefront: ApiToken, client_of: ClientOf, whose: str
) -> None:
    number = storefront.pk if whose == "bob's" else 2**63 - 1
    client = client_of(bob)
    assert client.get("/api/ledger", {"token": number}).json() == {"results": [], "next": None}
    page = client.get("/account/", {"token": number})
    assert "There is no such token." in page.content.decode() and "storefront" not in page.content.decode()
    answer: Any = client.get("/account/statement.csv", {"token": number})
    assert "storefront" not in b"".join(answer.streaming_content).decode()
    assert found(bob, Filters(token=number)) == []


def test_a_revoked_token_can_still_be_asked_for(
    alice: User, storefront: ApiToken, client_of: ClientOf
) -> None:
    api_tokens.revoke(storefront)
    page = client_of(alice).get("/account/", {"token": storefront.pk})
    assert len(page.context["lines"]) == 4


def test_days_are_the_readers(charlie: User, client_of: ClientOf) -> None:
    account = factories.account_of(charlie)
    late = dated(account, datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
    client = client_of(charlie)
    lines = client.get("/account/", {"since": "2026-03-11"}).context["lines"]
    client.cookies["timezone"] = "Asia/Shanghai"
    there = client.get("/account/", {"since": "2026-03-11"}).context["lines"]
    assert ([line.entry.pk for line in lines], [line.entry.pk for line in there]) == ([], [late.pk])


@pytest.mark.parametrize(
    "query",
    one_in(4, [
        {"since": "soon"}, {"since": "0001-01-01"}, {"until": "9999-12-31"}, {"kind": "x"}, {"group": "x"},
        {"q": "\x00"}, {"q": "x" * 90}, {"since": "2026-02-30"}, {"since": "2026-02-02", "until": "2026-01-01"},
        {"token": "x"}, {"token": "-1"}, {"token": "9" * 30}, {"token": "\x00"}, {"token": "1.5"},
        {"q": "' OR 1=1 --"}, {"until": "9000-12-31"}, {"since": "1970-01-01"},
    ]),
)  # fmt: skip
def test_filters_that_make_no_sense_break_nothing(
    alice: User, client_of: ClientOf, query: dict[str, str]
) -> None:
    client = client_of(alice)
    assert client.get("/account/", query).status_code == 200
    answer: Any = client.get("/account/statement.csv", query)
    assert answer.status_code == 200 and b"".join(answer.streaming_content)
    assert client.get("/api/ledger", query).status_code in {200, 400}


FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x")', "  =1", "＝1", "|calc", 'a"b,c\nd',
)  # fmt: skip


def test_no_cell_is_a_formula_here_or_at_the_desk(alice: User, staff: User, client_of: ClientOf) -> None:
    account = factories.account_of(alice)
    for reason in FORMULAS:
        dated(account, DAY, reason=reason)
    User.objects.filter(pk=alice.pk).update(username="=cmd")
    Account.objects.filter(pk=account.pk).update(name="=cmd")
    make_purchase(alice)
    paths = [
        "/account/statement.csv", reverse("admin:accounts_ledgerentry_download_csv"),
        reverse("admin:accounts_purchase_download_csv"),
    ]  # fmt: skip
    for user, path in zip((alice, staff, staff), paths, strict=True):
        answer: Any = client_of(user).get(path)
        rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode(), newline="")))
        cells = [cell for row in rows for cell in row if cell]
        bad = [cell for cell in cells if cell.lstrip().startswith(("=", "+", "@", "|", "\t", "\r", "＝"))]
        assert not bad and not [cell for cell in cells if cell.startswith("-") and not _is_number(cell)], path


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_hold_that_waits_is_marked_and_leads_to_its_prediction(alice: User, client_of: ClientOf) -> None:
    waiting = factories.make_prediction(alice)
    ended = factories.make_prediction(alice, status="succeeded")
    page = client_of(alice).get("/account/")
    lines = {(line.entry.kind, line.entry.reference): line for line in page.context["lines"]}
    assert lines["hold", waiting.public_id].waits and not lines["hold", ended.public_id].waits
    text = page.content.decode()
    assert f'href="/p/{waiting.public_id}/"' in text and text.count(">on hold</span>") == 1


@pytest.mark.parametrize(
    "filters",
    [
        Filters(), Filters(kind="settle"), Filters(kind="gift"), Filters(group="added"), Filters(text="contest"),
        Filters(text="abcdefgh"), Filters(reference="old-1"), Filters(since=DAY, until=DAY + timedelta(days=5)),
        Filters(kind="gift", since=DAY), Filters(token=1), Filters(token=1, kind="settle"),
        Filters(token=1, since=DAY, until=DAY + timedelta(days=5)), Filters(token=1, text="contest"),
    ],
)  # fmt: skip
def test_no_filter_counts_skips_or_sorts_a_ledger(
    charlie: User, year: list[LedgerEntry], filters: Filters
) -> None:
    account = factories.account_of(charlie)
    if filters.token:
        filters = replace(filters, token=api_tokens.issue(charlie, "t")[0].pk)
    with CaptureQueriesContext(connection) as asked:
        statement.page(account, filters, "", 10)
    for query in asked.captured_queries:
        sql = query["sql"]
        assert "OFFSET" not in sql and "COUNT(" not in sql
        plan = explained(sql)
        assert "SCAN accounts_ledgerentry" not in plan.replace("USING", ""), (sql, plan)
    assert len(asked.captured_queries) < 60


def explained(sql: str) -> str:
    """The query plan; on PostgreSQL with sorts and full scans made expensive, as on large tables."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            lines = [row[-1] for row in cursor.fetchall()]
            return "\n".join(line for line in lines if "SCAN" in line or "TEMP B-TREE" in line)
        with transaction.atomic():
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            cursor.execute(f"EXPLAIN {sql}")
            text = "\n".join(row[0] for row in cursor.fetchall())
    return text.replace("Seq Scan on accounts_ledgerentry", "SCAN accounts_ledgerentry")


def test_limits_are_set_and_the_line_below_which_one_is_told(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    form = {"day_limit": "10", "month_limit": "", "low_at": "2.5"}
    assert client.post("/account/limits/", form).status_code == 302
    account = factories.account_of(alice)
    assert (account.day_limit, account.month_limit, account.low_at) == (10 * MICRO, None, 2_500_000)
    with pytest.raises(credits.AccountLimitReached), transaction.atomic():
        credits.hold(account.pk, 11 * MICRO, "x")
    assert "of 10 today" in client.get("/account/").content.decode()
    for wrong in ("-1", "NaN", "1e3", "9" * 19):
        assert client.post("/account/limits/", form | {"day_limit": wrong}).status_code == 422
    assert factories.account_of(alice).day_limit == 10 * MICRO


def test_the_ledgers_api_keeps_its_shape(alice: User, client_of: ClientOf) -> None:
    response = client_of(alice).get("/api/ledger").json()
    assert set(response) == {"results", "next"}
    assert set(response["results"][0]) == {
        "id", "kind", "reference", "balance_delta", "held_delta", "captured", "released", "balance_after",
        "held_after", "reason", "created_at",
    }  # fmt: skip
    assert json.dumps(response)


def test_what_the_house_gave_is_named_in_the_readers_language(charlie: User) -> None:
    account = factories.account_of(charlie)
    site_rules.change(welcome_credits=5 * MICRO)
    welcome_credits.grant_welcome(charlie)
    welcome_credits.grant_invited(charlie, Invitation.objects.create(digest="d", grant=MICRO))
    credits.grant(account, MICRO, reason="Welcome", actor=charlie)
    with translation.override("zh-hans"):
        words = [line.words for line in statement.lines(list(statement.entries(account)))]
    # What somebody wrote by hand stays as it was written.
    assert words == ["Welcome", "邀请", "欢迎"]
