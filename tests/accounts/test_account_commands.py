"""`grant`, `token` and `createadmin`."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import MICRO, Account, LedgerEntry, User
from accounts.tokens import api_tokens
from predictions.models import Version
from tests import factories


def run(*args: str, **options: object) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def test_it_grants_credits_with_decimals(charlie: User) -> None:
    assert "12.50 credits" in run("grant", "charlie", "12.5")
    assert factories.account_of(charlie).balance == 12_500_000
    assert LedgerEntry.objects.get(account=charlie.account).kind == LedgerEntry.Kind.GRANT


@pytest.mark.parametrize("amount", ["0", "-5", "many", "0.0000001", "1e9"])
def test_it_refuses_an_amount_that_is_none(charlie: User, amount: str) -> None:
    with pytest.raises(CommandError):
        run("grant", "charlie", "--", amount)
    assert factories.account_of(charlie).balance == 0


def test_it_names_the_user_that_was_meant(charlie: User) -> None:
    with pytest.raises(CommandError, match="Did you mean charlie"):
        run("grant", "Charlie", "5")


def test_it_grants_a_reference_once(charlie: User) -> None:
    run("grant", "charlie", "5", "--reference", "invoice-7")
    with pytest.raises(CommandError, match="invoice-7"):
        run("grant", "charlie", "5", "--reference", "invoice-7")
    assert factories.account_of(charlie).balance == 5 * MICRO


def test_it_says_why_a_grant_cannot_be(charlie: User) -> None:
    with pytest.raises(CommandError, match="at most 55 characters"):
        run("grant", "charlie", "5", "--reference", "x" * 56)
    Account.objects.filter(pk=charlie.account_id).update(status=Account.Status.CLOSED)
    with pytest.raises(CommandError, match="The account of charlie is closed"):
        run("grant", "charlie", "5")
    assert factories.account_of(charlie).balance == 0


def test_it_prints_the_token_and_nothing_else(alice: User) -> None:
    printed = run("token", "alice", "--name", "laptop")
    found = api_tokens.look_up(printed.removesuffix("\n"))
    assert found is not None
    assert (found.user, found.name) == (alice, "laptop")


def test_a_token_gets_the_limits_that_it_is_made_with(alice: User, version: Version) -> None:
    printed = run(
        "token", "alice", "--scope", "read", "--scope", "predict", "--expires", "30d", "--day-limit", "12.5",
        "--total-limit", "100", "--model", version.model.ref, "--network", "10.0.0.1/8", "--in-flight-limit", "2",
    )  # fmt: skip
    found = api_tokens.look_up(printed.strip())
    assert found is not None and found.expires_at is not None
    assert (found.scopes, found.networks) == (["read", "predict"], ["10.0.0.0/8"])
    assert found.allowed_models == [version.model.ref]
    assert (found.day_limit, found.month_limit, found.total_limit) == (12_500_000, None, 100 * MICRO)
    assert (found.in_flight_limit, found.creates_per_minute) == (2, None)
    assert timedelta(days=29) < found.expires_at - timezone.now() < timedelta(days=31)


@pytest.mark.parametrize(
    "options",
    [
        ["--scope", "fly"], ["--day-limit", "-1"], ["--month-limit", "many"], ["--model", "no/such"],
        ["--network", "300.0.0.1"], ["--in-flight-limit", "0"], ["--expires", "soon"], ["--expires", "2001-01-01"],
        ["--expires", "0h"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_limit_that_is_none_makes_no_token(alice: User, options: list[str]) -> None:
    with pytest.raises(CommandError):
        run("token", "alice", *options)
    assert not alice.api_tokens.exists()


@pytest.mark.django_db
def test_it_makes_no_token_for_nobody() -> None:
    with pytest.raises(CommandError, match="no user"):
        run("token", "nobody")


@pytest.mark.django_db
def test_the_first_administrator_can_sign_in_pay_and_call(client: Client) -> None:
    lines = run("createadmin", "--token").splitlines()
    _word, name, password = lines[0].split(" ")
    answer = client.post("/accounts/login/", {"login": name, "password": password})
    assert (answer.status_code, answer["Location"]) == (302, "/studio/")
    assert client.get("/admin/").status_code == 200
    me = (
        Client()
        .get("/api/me", headers={"Authorization": f"Bearer {lines[1].removeprefix('Token: ')}"})
        .json()
    )
    assert (me["username"], me["balance"]) == (name, 10_000 * MICRO)


@pytest.mark.django_db
def test_a_second_start_makes_no_second_administrator() -> None:
    run("createadmin")
    assert run("createadmin", "--token") == ""
    assert User.objects.filter(is_superuser=True).count() == 1


@pytest.mark.django_db
def test_a_member_called_admin_is_not_made_administrator() -> None:
    factories.make_user("admin")
    assert run("createadmin").startswith("Administrator: admin2 ")
    assert not User.objects.get(username="admin").is_superuser
