"""Balance, statement and tokens, as their owner sees them and as a stranger does not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import credits, paging, statement, tokens
from accounts.models import MICRO, ApiToken, LedgerEntry, User
from predictions.models import Status
from tests import factories

ClientOf = Callable[[User], Client]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/account/", "/account/statement.csv", "/account/tokens/"])
def test_a_visitor_is_asked_to_sign_in(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


def test_it_shows_balance_hold_and_statement(alice: User, client_of: ClientOf) -> None:
    factories.make_prediction(alice, ceiling=3 * MICRO)
    page = client_of(alice).get("/account/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "97.00" in text and "3.00" in text and "−3.00" in text
    assert page.context["total"] == 100 * MICRO


def test_it_shows_nothing_of_anothers_money(alice: User, charlie: User, client_of: ClientOf) -> None:
    prediction = factories.make_prediction(alice)
    client = client_of(charlie)
    assert prediction.public_id not in client.get("/account/").content.decode()
    assert prediction.public_id not in _csv(client)


def test_it_filters_by_kind(alice: User, client_of: ClientOf) -> None:
    factories.make_prediction(alice, status=Status.SUCCEEDED)
    lines = client_of(alice).get("/account/?kind=settle").context["lines"]
    assert [line.entry.kind for line in lines] == ["settle"]


def test_it_pages_through_every_row_once(
    alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "PAGE", 3)
    for number in range(7):
        credits.adjust(factories.account_of(alice), MICRO, reason=f"reason {number}", actor=None)
    client, cursor, seen = client_of(alice), "", []
    while True:
        context = client.get(f"/account/?before={cursor}").context
        seen += [line.entry.pk for line in context["lines"]]
        cursor = context["next"]
        if not cursor:
            break
    assert seen == list(LedgerEntry.objects.filter(account=alice.account).values_list("pk", flat=True))


@pytest.mark.parametrize("cursor", ["x", "aWQ6LTE", "%00", "é", "9" * 300])
def test_a_forged_cursor_is_not_found(alice: User, client_of: ClientOf, cursor: str) -> None:
    assert client_of(alice).get("/account/", {"before": cursor}).status_code == 404


def test_the_cursor_stays_when_rows_are_added(alice: User) -> None:
    account = factories.account_of(alice)
    for _number in range(4):
        credits.grant(account, MICRO)
    first = paging.page(statement.entries(account), "", 2)
    credits.grant(account, MICRO)
    second = paging.page(statement.entries(account), first.next, 2)
    assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}


def _csv(client: Client, query: str = "") -> str:
    answer: Any = client.get(f"/account/statement.csv{query}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_the_csv_adds_up(alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "_BATCH", 2)
    factories.make_prediction(alice, status=Status.SUCCEEDED, ceiling=2 * MICRO, charge=MICRO)
    factories.make_prediction(alice, ceiling=5 * MICRO)
    rows = list(csv.DictReader(io.StringIO(_csv(client_of(alice)))))
    assert len(rows) == 4
    assert sum(float(row["change"]) for row in rows) == float(rows[0]["balance"]) == 94
    assert sum(float(row["change on hold"]) for row in rows) == float(rows[0]["on hold"]) == 5


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_the_csv_holds_no_formula(alice: User, client_of: ClientOf, reason: str) -> None:
    credits.adjust(factories.account_of(alice), MICRO, reason=f"{reason} x", actor=None)
    row = next(csv.DictReader(io.StringIO(_csv(client_of(alice), "?kind=adjust"))))
    assert not row["reason"].startswith(("=", "+", "-", "@", "\t"))


def test_a_token_is_shown_once(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    made = client.post("/account/tokens/", {"name": "laptop"})
    plain = re.search(r"dr_[A-Za-z0-9]{40}", made.content.decode())
    assert plain is not None and tokens.look_up(plain.group())
    assert "no-store" in made["Cache-Control"]
    again = client.get("/account/tokens/").content.decode()
    assert "laptop" in again and plain.group() not in again


def test_a_token_needs_a_name(alice: User, client_of: ClientOf) -> None:
    assert client_of(alice).post("/account/tokens/", {"name": " "}).status_code == 422
    assert not ApiToken.objects.filter(user=alice).exists()


def test_a_revoked_token_opens_nothing(alice: User, client_of: ClientOf) -> None:
    row, plain = tokens.issue(alice, "lost")
    client = client_of(alice)
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 302
    assert tokens.look_up(plain) is None
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 302


def test_a_stranger_cannot_revoke(alice: User, charlie: User, client_of: ClientOf) -> None:
    row, plain = tokens.issue(alice, "mine")
    client = client_of(charlie)
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 404
    assert client.post(f"/account/tokens/{'9' * 30}/revoke/").status_code == 404
    assert tokens.look_up(plain) is not None


def test_a_form_of_another_site_makes_no_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post("/account/tokens/", {"name": "stolen"}).status_code == 403
    assert not ApiToken.objects.filter(user=alice).exists()


def test_the_statement_asks_as_little_for_fifty_rows_as_for_one(
    alice: User, client_of: ClientOf, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for _number in range(50):
        credits.grant(factories.account_of(alice), MICRO)
    client = client_of(alice)
    with django_assert_max_num_queries(6):
        client.get("/account/")
