"""Balance, statement and tokens, as their owner sees them and as a stranger does not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import credits
from accounts.credits import statement
from accounts.models import MICRO, ApiToken, LedgerEntry, User
from accounts.models.tokens import all_scopes
from accounts.tokens import api_tokens
from predictions.models import Status, Version
from tests import factories
from tests.runner.sampling import one_of

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
    first = statement.page(account, statement.Filters(), "", 2)
    credits.grant(account, MICRO)
    second = statement.page(account, statement.Filters(), first.next, 2)
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
    assert plain is not None and api_tokens.look_up(plain.group())
    assert "no-store" in made["Cache-Control"]
    again = client.get("/account/tokens/").content.decode()
    assert "laptop" in again and plain.group() not in again


def test_a_token_needs_a_name(alice: User, client_of: ClientOf) -> None:
    assert client_of(alice).post("/account/tokens/", {"name": " "}).status_code == 422
    assert not ApiToken.objects.filter(user=alice).exists()


def test_a_revoked_token_opens_nothing(alice: User, client_of: ClientOf) -> None:
    row, plain = api_tokens.issue(alice, "lost")
    client = client_of(alice)
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 302
    assert api_tokens.look_up(plain) is None
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 302


def test_a_stranger_cannot_revoke(alice: User, charlie: User, client_of: ClientOf) -> None:
    row, plain = api_tokens.issue(alice, "mine")
    client = client_of(charlie)
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 404
    assert client.post(f"/account/tokens/{'9' * 30}/revoke/").status_code == 404
    assert api_tokens.look_up(plain) is not None


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
    with django_assert_max_num_queries(10):
        client.get("/account/")


def limits(**more: Any) -> dict[str, Any]:
    """What the form sends with nothing changed, and `more`."""
    return {"name": "shop", "scopes_shown": "1", "scopes": ApiToken.Scope.values, **more}


def test_a_token_gets_the_limits_of_the_form(alice: User, version: Version, client_of: ClientOf) -> None:
    form = limits(
        scopes=["read", "predict"], day_limit="12.5", total_limit="1000", creates_per_minute="5", in_flight_limit="2",
        networks="10.0.0.1/8\n192.0.2.7, 2001:db8::/32", allowed_models=[version.model.ref],
        expires=f"{timezone.now() + timedelta(days=3):%Y-%m-%d}",
    )  # fmt: skip
    assert client_of(alice).post("/account/tokens/", form).status_code == 200
    row = ApiToken.objects.get(name="shop")
    assert (row.scopes, row.allowed_models) == (["read", "predict"], [version.model.ref])
    assert row.networks == ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]
    assert (row.day_limit, row.month_limit, row.total_limit) == (12_500_000, None, 1000 * MICRO)
    assert (row.creates_per_minute, row.in_flight_limit) == (5, 2)
    assert row.expires_at is not None and row.expires_at > timezone.now() + timedelta(days=3)


def test_a_name_alone_makes_a_token_that_may_do_everything_but_leave(
    alice: User, client_of: ClientOf
) -> None:
    client_of(alice).post("/account/tokens/", {"name": "plain"})
    row = ApiToken.objects.get(name="plain")
    assert (
        row.scopes == all_scopes() == ApiToken.Scope.values[:-1] and row.networks == row.allowed_models == []
    )
    assert row.expires_at is row.day_limit is row.in_flight_limit is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", []), ("scopes", ["fly"]), ("day_limit", "-1"), ("day_limit", "lots"), ("month_limit", "1" * 15),
        ("total_limit", "1e9"), ("creates_per_minute", "0"), ("in_flight_limit", "1.5"), ("networks", "300.0.0.1"),
        ("networks", "10.0.0.0/8 " * 30 + " ".join(f"10.{n}.0.0/16" for n in range(51))),
        ("networks", "\x00"), ("allowed_models", ["no/such"]), ("expires", "2001-01-01"), ("expires", "soon"),
    ],
)  # fmt: skip
def test_a_bad_limit_is_told_beside_its_field(
    alice: User, client_of: ClientOf, field: str, value: Any
) -> None:
    row, _plain = api_tokens.issue(alice, "mine")
    client = client_of(alice)
    for path in one_of(("", f"{row.pk}/"), bool, of=(field, value)):
        page = client.post(f"/account/tokens/{path}", limits(**{field: value}))
        assert page.status_code == 422 and list(page.context["form"].errors) == [field]
        assert '<details class="more terms" open>' in page.content.decode()
    row.refresh_from_db()
    assert row.name == "mine" and ApiToken.objects.count() == 1


def test_the_list_shows_what_a_limit_leaves(alice: User, client_of: ClientOf) -> None:
    row, _plain = api_tokens.issue(alice, "shop", day_limit=5 * MICRO, scopes=["read"])
    with transaction.atomic():
        credits.hold(row.account_id, 2 * MICRO, "a", token=row)
    text = client_of(alice).get("/account/tokens/").content.decode()
    assert "<b>2</b>" in text and "of 5 today" in text and 'value="400"' in text


def test_a_token_is_changed_and_keeps_what_was_not(alice: User, client_of: ClientOf) -> None:
    ends = timezone.now() + timedelta(days=9, minutes=7)
    row, plain = api_tokens.issue(
        alice, "shop", day_limit=5 * MICRO, networks=["10.0.0.0/8"], expires_at=ends
    )
    client = client_of(alice)
    shown = client.get(f"/account/tokens/{row.pk}/").context["form"]
    assert (shown["day_limit"].value(), shown["networks"].value()) == ("5", "10.0.0.0/8")
    form = {name: shown[name].value() for name in shown.fields if shown[name].value() is not None}
    answer = client.post(
        f"/account/tokens/{row.pk}/", limits(**{**form, "month_limit": "7", "name": "kiosk"})
    )
    assert answer.status_code == 302
    row.refresh_from_db()
    assert (row.name, row.day_limit, row.month_limit, row.networks) == (
        "kiosk", 5 * MICRO, 7 * MICRO, ["10.0.0.0/8"],
    )  # fmt: skip
    assert row.expires_at == ends and api_tokens.look_up(plain) is not None


def test_nobody_changes_a_strangers_or_a_revoked_token(
    alice: User, charlie: User, client_of: ClientOf
) -> None:
    row, _plain = api_tokens.issue(alice, "mine")
    path = f"/account/tokens/{row.pk}/"
    assert client_of(charlie).get(path).status_code == 404
    assert client_of(charlie).post(path, limits()).status_code == 404
    api_tokens.revoke(row)
    assert client_of(alice).post(path, limits()).status_code == 404


def test_the_list_of_tokens_asks_as_little_for_many_as_for_one(
    alice: User, client_of: ClientOf, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for number in range(30):
        api_tokens.issue(alice, f"t{number}", day_limit=MICRO)
    client = client_of(alice)
    with django_assert_max_num_queries(8):
        client.get("/account/tokens/")


def test_the_last_day_that_there_is_is_a_fault_of_its_field(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    answer = client.post("/account/tokens/", {"name": "for ever", "expires": "9999-12-31"})
    assert answer.status_code == 422 and list(answer.context["form"].errors) == ["expires"]
    assert client.post("/account/tokens/", {"name": "long", "expires": "9000-12-31"}).status_code == 200
