"""CSV export of an admin list: the rows that its search and filters find, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts import credits
from accounts.models import MICRO, AuditEntry, User
from tests import factories
from tests.runner.sampling import one_in
from tests.support.csv_files import rows_of

ClientOf = Callable[[User], Client]
LEDGER = "/admin/accounts/ledgerentry/"


@pytest.fixture
def staff_client(staff: User, alice: User, bob: User, client_of: ClientOf) -> Client:
    for user in (alice, bob):
        credits.adjust(factories.account_of(user), -MICRO, reason=f"for {user.username}", actor=staff)
    return client_of(staff)


@pytest.mark.parametrize(
    "query",
    one_in(
        3, ["", "?kind__exact=adjust", "?q=alice", "?q=alice&kind__exact=adjust", "?q=nobody", "?q=alice&p=1"]
    ),
)
def test_the_button_takes_the_search_and_the_filters_along(staff_client: Client, query: str) -> None:
    page = staff_client.get(f"{LEDGER}{query}")
    shown = [str(row.pk) for row in page.context["cl"].result_list]
    (button,) = re.findall(r'href="([^"]*ledgerentry/csv[^"]*)"', page.content.decode())
    assert "p=1" not in button
    assert [row["id"] for row in rows_of(staff_client.get(button.replace("&amp;", "&")))] == shown


def test_the_file_of_one_account_holds_that_account_alone(staff_client: Client, alice: User) -> None:
    rows = rows_of(staff_client.get(f"{LEDGER}csv/?account__id__exact={factories.account_of(alice).pk}"))
    assert {row["account"] for row in rows} == {"alice"}
    entry = AuditEntry.objects.order_by("-number")[0]
    assert entry.action == "ledgerentry.export"
    assert list(entry.detail["filters"]) == ["account__id__exact"]


def test_long_files_are_whole_and_in_order(
    staff_client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.admin.export._BATCH", 2)
    for number in range(5):
        credits.adjust(factories.account_of(alice), MICRO, reason=f"number {number}", actor=None)
    ids = [int(row["id"]) for row in rows_of(staff_client.get(f"{LEDGER}csv/?kind__exact=adjust"))]
    assert len(ids) == 7 and ids == sorted(ids, reverse=True)


def test_a_filter_that_is_none_leads_back_to_the_list(staff_client: Client) -> None:
    answer = staff_client.get(f"{LEDGER}csv/?created_at__gte=never")
    assert (answer.status_code, answer["Location"]) == (302, LEDGER)
