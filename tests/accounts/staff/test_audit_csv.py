"""The audit log as CSV: what the list shows, with the filters in use, and no cell that a spreadsheet would run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from accounts.staff import action_labels, audit_log
from tests.support.csv_files import rows_of

ClientOf = Callable[[User], Client]
LIST = "/admin/accounts/auditentry/"


@pytest.fixture
def admin_client(staff: User, alice: User, bob: User, client_of: ClientOf) -> Client:
    audit_log.write(staff, "user.warn", alice, reason="=1+1")
    audit_log.write(staff, "user.ban", bob, reason="spam")
    audit_log.write(None, "item.hide", alice, reason="\uff20SUM(A1)\r\n,x")
    return client_of(staff)


@pytest.mark.parametrize(
    ("query", "acts"),
    [
        ("", ["item.hide", "user.ban", "user.warn"]),
        ("?q=user.ban", ["user.ban"]),
        ("?action__exact=user.warn", ["user.warn"]),
        ("?q=alice&action__exact=item.hide", ["item.hide"]),
        ("?q=nobody", []),
    ],
)
def test_the_button_takes_the_search_and_the_filters_along(
    admin_client: Client, query: str, acts: list[str]
) -> None:
    page = admin_client.get(f"{LIST}{query}")
    assert [row.action for row in page.context["cl"].result_list] == acts
    (button,) = re.findall(r'href="([^"]*auditentry/csv[^"]*)"', page.content.decode())
    answer: Any = admin_client.get(button.replace("&amp;", "&"))
    assert [row["act"] for row in rows_of(answer)] == acts


def test_no_cell_is_a_formula(admin_client: Client) -> None:
    rows = rows_of(admin_client.get(f"{LIST}csv/"))
    reasons = [row["reason"] for row in rows]
    assert reasons == ["'\uff20SUM(A1)\r\n,x", "spam", "'=1+1"]


def test_taking_a_copy_is_on_record_with_its_filters_and_not_in_it(admin_client: Client, staff: User) -> None:
    assert len(rows_of(admin_client.get(f"{LIST}csv/?q=alice"))) == 2
    entry = AuditEntry.objects.order_by("-number")[0]
    assert (entry.actor, entry.action, entry.detail) == (
        staff,
        "auditentry.export",
        {"filters": {"q": ["alice"]}},
    )
    assert action_labels.label_for(entry.action) == "took a copy of the audit log"


def test_a_filter_that_is_none_leads_back_to_the_list(admin_client: Client) -> None:
    answer = admin_client.get(f"{LIST}csv/?at__gte=never")
    assert (answer.status_code, answer["Location"]) == (302, LIST)


@pytest.mark.parametrize(
    "action",
    ["prompt_rule.add", "prompt_rule.change", "blocked_picture.lift", "credits.grant", "credits.adjust", "codes.revoke",
     "code.revoke", "pack.add", "pack.change", "ledgerentry.export"],
)  # fmt: skip
def test_an_act_is_called_by_words_and_not_by_its_name_in_the_code(action: str) -> None:
    assert (
        "_" not in (said := action_labels.label_for(action, {"ledgerentry": "ledger entry"}))
        and said != action
    )
