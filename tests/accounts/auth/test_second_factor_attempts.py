"""Limits of second factors: codes by member, passkeys by network; and what the first second factor ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client

from accounts.auth import login_attempts
from accounts.models import Notice, SignIn, User
from core.cache import counters
from tests import factories
from tests.accounts.auth.auth_forms import confirm, given, set_up, totp
from tests.accounts.auth.login_form import HERE, PASSWORD, THERE, guess, leave
from tests.runner.sampling import one_in
from tests.support.races import together

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


def test_passkeys_that_are_refused_are_written_down_and_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(login_attempts, "PASSKEY_LIMIT", (3, 600))
    for _try in range(5):
        answer = Client().post("/accounts/2fa/webauthn/login/", {"credential": '{"id": "x"}'})
        assert answer["Location"] == "/accounts/login/"
    assert list(SignIn.objects.values_list("how", "succeeded")) == [("passkey", False)] * 3


_WHOLE: dict[str, Any] = {
    "id": "eA", "rawId": "eA", "type": "public-key",
    "response": {"clientDataJSON": "e30", "authenticatorData": "eA", "signature": "eA", "userHandle": "eA"},
}  # fmt: skip
ODD = [
    "", "{}", "[]", "1", "null", '"x"', '{"response": []}', '{"response": null}', '{"id": 1, "rawId": 1}', "[" * 9999,
    *(json.dumps({**_WHOLE, name: odd}) for name in _WHOLE for odd in (None, [], "A" * 9999)),
    *(
        json.dumps({**_WHOLE, "response": {**_WHOLE["response"], name: odd}})
        for name in _WHOLE["response"]
        for odd in (None, [], "é", "W10")
    ),
]  # fmt: skip


def test_nothing_that_a_browser_says_of_a_passkey_breaks_the_page(
    alice: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(alice)
    confirm(client, "/accounts/2fa/webauthn/add/")
    for said in one_in(16, ODD):
        assert Client().post("/accounts/2fa/webauthn/login/", {"credential": said}).status_code == 302, said
        for path in ("/accounts/2fa/webauthn/reauthenticate/", "/accounts/2fa/webauthn/add/"):
            client.get(path)
            assert client.post(path, {"credential": said}).status_code in (200, 302), (path, said)
    assert SignIn.objects.filter(how="passkey").count() <= login_attempts.PASSKEY_LIMIT[0]


@pytest.fixture
def secret(alice: User) -> str:
    """Of Alice's app."""
    return given(alice)[0]


def try_code(client: Client, code: str = "000000", address: str = HERE) -> str:
    """What came of one code, after the password; `in`, `wrong` or `wait`."""
    guess(client, password=PASSWORD, address=address)
    answer = client.post("/accounts/2fa/authenticate/", {"code": code}, REMOTE_ADDR=address)
    if answer.status_code == 302:
        return "in"
    return "wait" if "Too many wrong codes. Try again in 5 minutes." in answer.content.decode() else "wrong"


def test_the_sixth_wrong_code_waits_from_wherever_it_comes(alice: User, secret: str) -> None:
    done = [try_code(Client(), address=f"192.0.2.{number}") for number in range(6)]
    assert done == ["wrong"] * 5 + ["wait"]
    assert try_code(Client(), totp(secret, ahead=1), THERE) == "wait"
    assert Notice.objects.filter(user=alice, kind="account.codes_guessed").count() == 1
    assert SignIn.objects.filter(how="code", succeeded=False).count() == 5


def test_a_thief_of_the_password_locks_nobody_out_where_they_have_been(
    alice: User, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_attempts, "CODE_LIMITS", ((2, 300), (30, 86400)))
    own = Client()
    assert try_code(own, totp(secret, ahead=1), THERE) == "in"
    for _try in range(2):
        try_code(Client())
    spare = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0]
    assert try_code(Client(), spare, THERE) == "wait" and try_code(leave(own), spare, THERE) == "in"


def test_a_code_opens_once_whatever_the_caches_forget(alice: User, secret: str) -> None:
    code = totp(secret, ahead=1)
    assert try_code(Client(), code) == "in"
    cache.clear()
    counters.cache.clear()
    assert try_code(Client(), code) == "wrong"


def test_there_is_an_end_to_codes_for_the_day(
    alice: User, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_attempts, "CODE_LIMITS", ((50, 300), (3, 86400)))
    assert [try_code(Client()) for _try in range(3)] == ["wrong"] * 3
    guess(client := Client(), password=PASSWORD)
    answer = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert "Too many wrong codes. Try again in 24 hours." in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_many_codes_at_once_five_are_compared(alice: User, secret: str) -> None:
    clients = [Client() for _try in range(7)]
    for client in clients:
        guess(client, password=PASSWORD)

    def code(client: Client) -> int:
        return client.post("/accounts/2fa/authenticate/", {"code": "000000"}, REMOTE_ADDR=HERE).status_code

    assert together([partial(code, client) for client in clients]) == [200] * 7
    assert SignIn.objects.filter(how="code", succeeded=False).count() == 5


@pytest.mark.django_db(transaction=True)
def test_what_began_with_the_password_alone_ends_with_the_first_second_factor(
    alice: User, client_of: ClientOf
) -> None:
    before = factories.make_user("boss", is_staff=True)
    elsewhere = Client()
    guess(elsewhere, password=PASSWORD)
    assert elsewhere.get("/account/").status_code == 200
    client = Client()
    guess(client, password=PASSWORD)
    set_up(client)
    assert client.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert client_of(before).get("/account/").status_code == 200, "nobody else's"
