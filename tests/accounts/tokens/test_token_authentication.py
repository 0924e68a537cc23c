"""The `Authorization` header: accepted, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, ApiToken, User
from accounts.tokens import api_tokens, authentication
from tests import factories


@pytest.mark.parametrize("form", ["Bearer {}", "Token {}", "bearer {}", "TOKEN {}", "  Bearer   {}  "])
def test_it_takes_every_form_that_clients_send(alice: User, form: str) -> None:
    found = authentication.authenticate_header_value(form.format(factories.make_token(alice)))
    assert found is not None
    assert (found.user, found.account) == (alice, alice.account)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer dr_é", "Bearer \x00", "dr_" + "a" * 40],
)
def test_it_takes_nothing_else(alice: User, header: str) -> None:
    assert authentication.authenticate_header_value(header) is None


def test_it_takes_no_forged_revoked_or_expired_token(alice: User) -> None:
    forged = "dr_" + "A" * 40
    row, revoked = api_tokens.issue(alice, "revoked")
    api_tokens.revoke(row)
    row, expired = api_tokens.issue(alice, "expired", expires_at=timezone.now() + timedelta(hours=1))
    ApiToken.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    for plain in (forged, revoked, expired):
        assert authentication.authenticate_header_value(f"Bearer {plain}") is None


def test_it_says_the_same_for_every_bad_token(client: Client, alice: User) -> None:
    row, revoked = api_tokens.issue(alice, "revoked")
    api_tokens.revoke(row)
    answers = [
        client.get("/api/me", headers={"Authorization": f"Bearer {t}"}) for t in (revoked, "dr_x", "é")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}
    assert len({answer.content for answer in answers}) == 1


def test_it_refuses_a_banned_user(
    client: Client, alice: User, bearer: Callable[[User], dict[str, str]]
) -> None:
    headers = bearer(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    answer = client.get("/api/me", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (403, 403)


def test_it_refuses_a_suspended_account(
    client: Client, alice: User, bearer: Callable[[User], dict[str, str]]
) -> None:
    headers = bearer(alice)
    Account.objects.filter(pk=alice.account_id).update(status=Account.Status.SUSPENDED)
    assert client.get("/api/me", headers=headers).status_code == 403


def test_it_keeps_only_a_digest(alice: User) -> None:
    row, plain = api_tokens.issue(alice, "mine")
    row.refresh_from_db()
    assert plain not in str(vars(row))
    assert row.digest == api_tokens.digest(plain)


def test_it_notes_the_use_at_most_once_a_minute(
    alice: User, django_assert_num_queries: Callable[[int], object]
) -> None:
    row, plain = api_tokens.issue(alice, "poller")
    api_tokens.look_up(plain)
    row.refresh_from_db()
    assert row.last_used_at is not None
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        api_tokens.look_up(plain)


def test_it_stops_at_a_hundred_tokens(alice: User) -> None:
    for number in range(api_tokens.LIMIT):
        row, _plain = api_tokens.issue(alice, f"t{number}")
    with pytest.raises(api_tokens.CannotIssue):
        api_tokens.issue(alice, "one too many")
    api_tokens.revoke(row)
    assert api_tokens.issue(alice, "fits again")


def test_it_makes_no_token_for_a_suspended_account(alice: User) -> None:
    account = factories.account_of(alice)
    Account.objects.filter(pk=account.pk).update(status=Account.Status.SUSPENDED)
    alice.refresh_from_db()
    with pytest.raises(api_tokens.CannotIssue):
        api_tokens.issue(alice, "no")
