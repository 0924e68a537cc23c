"""Error messages of the sign-in and sign-up forms, in each language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client, override_settings

from accounts.models import User
from tests.accounts.auth.auth_forms import WORDS, just_signed_in

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]
CHINESE = {"Accept-Language": "zh-hans"}


def refused(name: str, password: str = WORDS, **headers: str) -> str:
    form = {"username": name, "email": "m@example.org", "password1": password, "password2": password}
    page = Client(headers=headers).post("/accounts/signup/", form)
    assert page.status_code == 200
    return page.content.decode()


def test_a_name_that_is_refused_is_told_what_a_name_is_made_of_and_no_at_sign() -> None:
    for name in ("mei hua", "mei#hua", "<b>mei"):
        page = refused(name)
        assert "letters, digits and . + - _ alone" in page and "@/./" not in page
    assert "A user name has no @ in it." in refused("mei@home")


def test_a_short_password_is_told_so_by_our_own_words() -> None:
    assert "shorter than 8 characters" in refused("mei", "kurz")
    assert "It must contain at least" not in refused("mei", "kurz", **CHINESE)


def with_an_app(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": ""})


def test_the_code_of_the_second_step_is_no_code_to_redeem(alice: User) -> None:
    with_an_app(alice)
    client = Client(headers=CHINESE)
    client.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    page = client.get("/accounts/2fa/authenticate/")
    assert page.status_code == 200 and "兑换码" not in page.content.decode()


@override_settings(MFA_ALLOW_UNVERIFIED_EMAIL=False)
def test_who_has_a_second_factor_is_told_how_to_change_the_address(alice: User, client_of: ClientOf) -> None:
    with_an_app(alice)
    client = client_of(alice)
    just_signed_in(client)
    page = client.post("/accounts/email/", {"action_add": "", "email": "new@example.org"})
    assert "Take the second factor away" in page.content.decode()
